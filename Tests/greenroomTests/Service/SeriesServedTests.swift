import Domain
import Foundation
import TestSupport
import Testing

// A service that keeps series, seen over HTTP. Its figures are those of the pool's view. A restart goes on, and a deleted file is rebuilt.
// The past is answered as the log has it.

@Suite(.serialized)
struct SeriesServedTests {
    private func json(_ served: Served, _ path: String) async throws -> JSONValue { try JSONValue(parsing: try await served.text(path)) }

    /// The last row, once everything is folded: what the pool has now.
    private func lastRow(_ served: Served) async throws -> [String: Int64] {
        let path = "/v1/pools/demo/chat/series?columns=demand,desired,ready,waiting,min,max"
        var series = JSONValue.null
        try await eventually("the series is folded: \(series)") {
            series = try await json(served, path)
            let head = try await json(served, "/v1/moments")["head"].integer
            return head != nil && series["seq"].integer == head
        }
        let columns = series["columns"].array.compactMap(\.string)
        let row = series["rows"].array.last?.array ?? []
        return Dictionary(
            uniqueKeysWithValues: columns.enumerated().compactMap { k, name in row[2 * k + 2].integer.map { (name, $0) } })
    }

    private func view(_ served: Served) async throws -> [String: Int64] {
        let pool = try await json(served, "/v1/pools/demo/chat")
        return [
            "demand": pool["demand"]["total"].integer ?? -1, "desired": pool["desired"].integer ?? -1, "ready": pool["ready"].integer ?? -1,
            "waiting": pool["demand"]["waiting"].integer ?? -1, "min": pool["min"].integer ?? -1, "max": pool["max"].integer ?? -1,
        ]
    }

    @Test func itsFiguresAreThoseOfThePoolThroughRestartsAndLossOfItsFile() async throws {
        let served = try Served()
        try await served.start()
        try await served.put(Served.chatPolicy, "demo/chat")
        for round in 0..<3 {
            for number in 0...round { try await served.request("a\(round)-\(number)", pool: "demo/chat") }
            #expect(try await lastRow(served) == view(served))
            served.signal(round == 1 ? SIGKILL : SIGTERM)
            try await served.ended()
            let file = served.database + "-series"
            #expect(FileManager.default.fileExists(atPath: file))
            if round == 1 { for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + end) } }
            try await served.start()
            #expect(try await lastRow(served) == view(served))
        }
        let series = try await json(served, "/v1/pools/demo/chat/series")
        #expect(series["marks"].array.contains { $0["kind"].string == "policy" })
        let many = try await json(served, "/v1/series")
        #expect(many["items"].array.map { $0["pool"].string } == ["demo/chat"])
        // Six wanted of three at most; before there was one.
        let when = try await json(served, "/v1/pools/demo/chat/when?condition=desired%3E2")
        let seq = try #require(when["found"]["seq"].integer)
        #expect(try await json(served, "/v1/pools/demo/chat?at=\(seq)")["desired"].integer == 3)
        #expect(try await json(served, "/v1/pools/demo/chat?at=\(seq - 1)")["desired"].integer != 3)
        // The decision is structure, and leads to its line.
        let decision = try await json(served, "/v1/pools/demo/chat/decisions?limit=1")["items"].array.first ?? .null
        let bound = decision["why"].array.first { $0["code"].string == "TooManyReplicas" } ?? .null
        #expect(bound["policy"]["path"].string == "spec.maxReplicaCount" && bound["policy"]["text"].string == "3")
    }

    @Test func aServiceThatKeepsNoneSaysSo() async throws {
        let served = try Served { _ in "series: false" }
        try await served.start()
        let response = try #require(await served.query(.init(path: "/v1/pools/demo/chat/series")))
        #expect(response.status == 503)
        #expect(!FileManager.default.fileExists(atPath: served.database + "-series"))
    }
}
