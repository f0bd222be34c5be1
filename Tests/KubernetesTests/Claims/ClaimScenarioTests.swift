import Domain
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

    /// What the facts page counts of the recordings, counted from what is said.
    @Test(
        "the figures of the recordings",
        arguments: [
            (name: "s02-warm", claims: 1, warm: 1, cold: 0, neverServed: 0),
            (name: "s03-cold", claims: 4, warm: 2, cold: 2, neverServed: 0),
            (name: "s03d-zero", claims: 1, warm: 0, cold: 1, neverServed: 0),
            (name: "s05-burst", claims: 60, warm: 20, cold: 40, neverServed: 0),
            (name: "s11-kill9", claims: 24, warm: 12, cold: 12, neverServed: 0),
            (name: "s15-flow", claims: 81, warm: 73, cold: 0, neverServed: 8),
        ])
    func figures(_ row: (name: String, claims: Int, warm: Int, cold: Int, neverServed: Int)) throws {
        let tellings = BookBench.fed(try ClaimRecording.named(row.name)).tellings.map(\.telling)
        var launches: [String: ClaimLaunch] = [:]
        var asked: Set<String> = []
        for telling in tellings {
            switch telling.what {
            case .requested(nil, _): asked.insert(telling.uid)
            case .running(_, let launch, _, _): launches[telling.uid] = launches[telling.uid] ?? launch
            default: break
            }
        }
        #expect(asked.count == row.claims)
        #expect(launches.values.count { $0 == .warm } == row.warm)
        #expect(launches.values.count { $0 == .cold } == row.cold)
        #expect(asked.subtracting(launches.keys).count == row.neverServed)
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
