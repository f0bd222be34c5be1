import Foundation
import Kubernetes
import Testing

@testable import Kubernetes

// The 23 recorded scenarios, as tables: what is said when. `Fixtures/agent-sandbox-tellings.txt` has them; it was written by the
// code once and read line by line against the recordings.

@Suite struct ClaimScenarioTests {
    static let tables: [String: [String]] = {
        guard let url = Bundle.module.url(forResource: "agent-sandbox-tellings", withExtension: "txt", subdirectory: "Fixtures"),
            let text = try? String(contentsOf: url, encoding: .utf8)
        else { return [:] }
        var tables: [String: [String]] = [:]
        var name = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# ") {
                name = String(line.dropFirst(2).prefix { $0 != ":" })
                tables[name] = []
            } else {
                tables[name, default: []].append(String(line))
            }
        }
        return tables
    }()

    @Test("all recordings are there") func count() { #expect(ClaimRecording.all.count == 23) }

    @Test("what is said of a recording", arguments: ClaimRecording.all)
    func table(_ recording: ClaimRecording) throws {
        let bench = BookBench.fed(recording)
        if let folder = ProcessInfo.processInfo.environment["CLAIM_TABLES"] {
            let text = "# \(recording.name): \(recording.title)\n" + bench.lines.map { $0 + "\n" }.joined()
            try text.write(toFile: "\(folder)/\(recording.name).txt", atomically: true, encoding: .utf8)
        }
        #expect(bench.lines == Self.tables[recording.name] ?? [])
    }

    /// Whatever the order in which the watches' events come, the same is true in the end.
    @Test("either watch may be late", arguments: ClaimRecording.all, [ClaimRecording.Kind.claim, .sandbox])
    func late(_ recording: ClaimRecording, _ kind: ClaimRecording.Kind) {
        let inTime = MiniLog(BookBench.fed(recording).tellings.map(\.telling))
        let late = MiniLog(BookBench.fed(recording, late: kind).tellings.map(\.telling))
        #expect(inTime.summary == late.summary)
    }

    @Test("no id is said twice for different things", arguments: ClaimRecording.all)
    func ids(_ recording: ClaimRecording) {
        var said: [String: ClaimTelling] = [:]
        for (_, telling) in BookBench.fed(recording).tellings {
            let key = "\(telling.kind.name) \(telling.id)"
            #expect(said[key] == nil, "\(key) twice")
            said[key] = telling
        }
    }
}
