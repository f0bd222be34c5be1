import Domain
import Foundation
import Testing

@testable import greenroom

@Suite struct PolicyFilesTests {
    private static let now = LogTime(rfc3339: "2026-11-21T08:00:00Z")!

    private func document(_ name: String, shadowOf pool: String? = nil) -> String {
        let shadow = pool.map { "\n  mode: recommend\n  shadowOf: \($0)" } ?? ""
        return "apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\nmetadata: {name: \(name), namespace: ns}\nspec:\(shadow)\n  scaleTargetRef: {kind: Process}\n"
    }

    /// The names read from a folder of these files, one document each.
    private func names(_ documents: [String]) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-policies-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (k, text) in documents.enumerated() { try Data(text.utf8).write(to: folder.appendingPathComponent("\(k).yaml")) }
        return try PolicyFiles.read([folder.path], now: Self.now).map(\.name)
    }

    @Test func `a pool's policy and its shadows may lie side by side`() throws {
        #expect(try names([document("calm", shadowOf: "chat"), document("chat"), document("other")]) == ["ns/calm", "ns/chat", "ns/other"])
    }

    @Test func `a name twice and a fifth shadow are refused`() throws {
        #expect { try names([document("chat"), document("chat")]) } throws: { ($0 as? Fault)?.what == "there are two policies ns/chat" }
        #expect { try names([document("a"), document("a", shadowOf: "chat")]) } throws: { ($0 as? Fault)?.what == "there are two policies ns/a" }
        let five = ["a", "b", "c", "d", "e"].map { document($0, shadowOf: "chat") }
        #expect { try names(five) } throws: { ($0 as? Fault)?.what == "pool ns/chat has more than 4 shadows" }
    }
}
