import Autoscaling
import Domain
import Foundation
import Testing

@testable import Assembly
@testable import Output

@Suite struct PolicyFilesTests {
    private static let now = LogTime(rfc3339: "2026-11-21T08:00:00Z")!

    private func document(_ name: String, shadowOf pool: String? = nil) -> String {
        let shadow = pool.map { "\n  mode: recommend\n  shadowOf: \($0)" } ?? ""
        return
            "apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\nmetadata: {name: \(name), namespace: ns}\nspec:\(shadow)\n  scaleTargetRef: {kind: Process}\n"
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
        #expect(
            try names([document("calm", shadowOf: "chat"), document("chat"), document("other")]) == ["ns/calm", "ns/chat", "ns/other"])
    }

    @Test func `two policies that scale one target are refused, and one may only recommend beside it`() throws {
        func policies(_ specs: (name: String, mode: String, kind: String, version: String)...) throws -> [Policy] {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-policies-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            for spec in specs {
                let text =
                    "apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\nmetadata: {name: \(spec.name), namespace: ns}\nspec:\n  mode: \(spec.mode)\n"
                    + "  scaleTargetRef: {apiVersion: \(spec.version), kind: \(spec.kind), name: web}\n"
                try Data(text.utf8).write(to: folder.appendingPathComponent("\(spec.name).yaml"))
            }
            return try PolicyFiles.read([folder.path], now: Self.now)
        }
        let clash = try policies(
            ("a", "auto", "Deployment", "apps/v1"), ("b", "auto", "Deployment", "apps/v1beta1"), ("c", "auto", "StatefulSet", "apps/v1"))
        #expect { try PolicyFiles.refuseSharedTargets(clash) } throws: {
            ($0 as? Fault)?.what == "the policies ns/a and ns/b scale one target, Deployment ns/web"
        }
        try PolicyFiles.refuseSharedTargets(
            try policies(("a", "auto", "Deployment", "apps/v1"), ("b", "recommend", "Deployment", "apps/v1")))
        try PolicyFiles.refuseSharedTargets(
            try policies(("a", "auto", "Process", "greenroom.dev/v1"), ("b", "auto", "Process", "greenroom.dev/v1")))
    }

    @Test func `a pipe or a folder with a policy's name is refused and not waited for`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-policies-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder.appendingPathComponent("a.yaml"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect { try PolicyFiles.read([folder.path], now: Self.now, waiting: false) } throws: {
            ($0 as? Fault)?.what.contains("is a directory") == true
        }
        try FileManager.default.removeItem(at: folder.appendingPathComponent("a.yaml"))
        #expect(mkfifo(folder.appendingPathComponent("a.yaml").path, 0o600) == 0)
        #expect { try PolicyFiles.read([folder.path], now: Self.now, waiting: false) } throws: {
            ($0 as? Fault)?.what.contains("is a named pipe") == true
        }
    }

    @Test func `a name twice and a fifth shadow are refused`() throws {
        #expect { try names([document("chat"), document("chat")]) } throws: { ($0 as? Fault)?.what == "there are two policies ns/chat" }
        #expect { try names([document("a"), document("a", shadowOf: "chat")]) } throws: {
            ($0 as? Fault)?.what == "there are two policies ns/a"
        }
        let five = ["a", "b", "c", "d", "e"].map { document($0, shadowOf: "chat") }
        #expect { try names(five) } throws: { ($0 as? Fault)?.what == "pool ns/chat has more than 4 shadows" }
    }
}
