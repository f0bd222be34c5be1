import Domain
import EventLog
import Foundation
import NATSServers
import TestSupport
import Testing

@testable import Commands
@testable import Inspection
@testable import Machine
@testable import Output

// Three whole services over real NATS servers: what is any of them asked, and what becomes of it when one goes?

@Suite("Instances over a stream", .serialized, .timeLimit(.minutes(5)))
struct ReplicatedServiceTests {
    private static let lease = 2

    /// Instances that aren't running yet, over these servers.
    private static func instances(_ servers: [NATSServer], replicas: Int) throws -> [Served] {
        let urls = servers.map { "\"\($0.url)\"" }.joined(separator: ", ")
        return try (0..<3).map { number in
            try Served { _ in
                "log: {jetstream: {servers: [\(urls)], replicas: \(replicas), instance: i\(number), leaseSeconds: \(lease)}}"
            }
        }
    }

    private func leads(_ served: Served) async -> Bool {
        (try? await served.text("/readyz"))?.contains("this instance leads, fence") ?? false
    }

    private func leader(_ instances: [Served], among numbers: [Int] = [0, 1, 2]) async throws -> Int {
        var found: Int?
        try await eventually("an instance leads: \(numbers.map { instances[$0].log })", within: .seconds(60)) {
            for number in numbers where await leads(instances[number]) { found = number }
            return found != nil
        }
        return try #require(found)
    }

    private func position(_ response: APIResponse?) throws -> Int64 {
        let body = try #require(response).body
        return try #require(try JSONValue(parsing: body)["lastSeq"].integer)
    }

    @Test("any instance takes events; a stop hands the lead over; a kill costs a lease; all logs are equal")
    func threeInstances() async throws {
        guard let program = await NATSProgram.current() else { return }
        let server = try NATSServer(program) { NATSServer.jetStream($0) }
        defer { server.remove() }
        try await server.start()
        let instances = try Self.instances([server], replicas: 1)
        for instance in instances { try await instance.start() }
        let first = try await leader(instances)
        let others = [0, 1, 2].filter { $0 != first }

        // Whoever is asked, it is written once, and read everywhere.
        #expect(await instances[others[0]].send("e1")?.status == 200)
        let again = try #require(await instances[first].send("e1"))
        #expect(try JSONValue(parsing: again.body)["duplicates"].integer == 1)
        let seq = try position(await instances[others[1]].send("e2"))
        for instance in instances {
            let pools = await instance.query(APIRequest(path: "/v1/policies?after=\(seq)"))
            #expect(pools?.status == 200)
            #expect(try await instance.text("/v1/events?limit=100").contains("\"e2\""))
        }
        let placed = await instances[others[0]].query(
            APIRequest(
                method: .post, path: "/v1/placements", contentType: "application/json",
                body: Array(#"{"actor":"waits","pool":"ns/p","wait":0}"#.utf8)))
        #expect(placed?.status == 202)

        // A stop in good order.
        let stopped = ContinuousClock.now
        instances[first].signal(SIGTERM)
        let second = try await leader(instances, among: others)
        print("MEASURED after a graceful stop the next leads after \(ContinuousClock.now - stopped)")
        #expect(ContinuousClock.now - stopped < .seconds(Self.lease))
        try await instances[first].ended()
        #expect(await instances[second].send("e3")?.status == 200)
        try await instances[first].start()

        // A kill.
        let killed = ContinuousClock.now
        instances[second].signal(SIGKILL)
        try await instances[second].ended()
        let third = try await leader(instances, among: [0, 1, 2].filter { $0 != second })
        print("MEASURED after a kill the next leads after \(ContinuousClock.now - killed)")
        #expect(ContinuousClock.now - killed > .seconds(Self.lease / 2))
        let last = try position(await instances[third].send("e4"))
        try await instances[second].start()
        for instance in instances {
            try await eventually("it has all of it") {
                await instance.query(APIRequest(path: "/v1/policies?after=\(last)"))?.status == 200
            }
        }
        #expect(try await instances[second].text("/v1/events?limit=100&kind=leader.elected").split(separator: "\n").count == 3)
        for instance in instances {
            instance.signal(SIGTERM)
            try await instance.ended()
        }
        let heads = try instances.map { instance in
            let log = try EventLog.openReadOnly(path: instance.database)
            defer { log.close() }
            #expect(try log.verify().isSound)
            return log.head
        }
        #expect(Set(heads).count == 1)
    }

    @Test("without its servers nothing is acknowledged, reads go on, and all goes on by itself")
    func noQuorum() async throws {
        guard let program = await NATSProgram.current() else { return }
        let server = try NATSServer(program) { NATSServer.jetStream($0) }
        defer { server.remove() }
        try await server.start()
        let instances = try Array(Self.instances([server], replicas: 1).prefix(2))
        for instance in instances { try await instance.start() }
        let first = try await leader(instances, among: [0, 1])
        #expect(await instances[first].send("e1")?.status == 200)
        server.kill()
        for instance in instances {
            var text = ""
            try await eventually("it says why: \(text) \(instance.log)", within: .seconds(60)) {
                let ready = await instance.query(APIRequest(path: "/readyz"))
                text = String(decoding: ready?.body ?? [], as: UTF8.self)
                return ready?.status == 503 && text.contains("not connected to NATS")
            }
            #expect(await instance.query(APIRequest(path: "/v1/pools"))?.status == 200)
        }
        let refused = await instances[1 - first].send("e2")
        #expect(refused?.status == 503 && refused?.retryAfterSeconds != nil)
        try await server.start()
        try await eventually("it is taken again", within: .seconds(60)) { await instances[1 - first].send("e2")?.status == 200 }
        for instance in instances {
            instance.signal(SIGTERM)
            try await instance.ended()
        }
    }
}
