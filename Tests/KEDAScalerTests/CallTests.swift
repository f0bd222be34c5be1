import Views
import GRPCCore
import Testing

@testable import KEDAScaler

@Suite("Calls over the wire", .timeLimit(.minutes(2)))
struct CallTests {
    private func code(_ call: () async throws -> some Any) async -> RPCError? {
        do { _ = try await call() } catch { return error as? RPCError }
        return nil
    }

    @Test func `the three questions are answered at the pool's state`() async throws {
        let plane = PoolsTwin(["ns/p": .with(demand: 7, waiting: 4, isActive: true, desired: 6, slots: 2)])
        try await ScalerHarness.run(plane) { scaler async throws in
            #expect(try await scaler.client.isActive(.of("p")).result)
            let spec = try await scaler.client.getMetricSpec(.of("ns/p", ["metric": "demand"]))
            #expect(spec.metricSpecs.map(\.metricName) == ["greenroom_demand"])
            #expect(spec.metricSpecs.map(\.targetSizeFloat) == [2])
            #expect(
                try await scaler.client.getMetrics(.of(.of("p"), "greenroom_desired_workers")).metricValues.map(\.metricValueFloat) == [6])
            plane.set("ns/p", .idle())
            #expect(try await !scaler.client.isActive(.of("p")).result)
            #expect(try await scaler.client.getMetrics(.of(.of("p"), "greenroom_queue_depth")).metricValues.map(\.metricValue) == [0])
        }
    }

    @Test func `who asks wrongly hears what to do`() async throws {
        try await ScalerHarness.run(PoolsTwin(["ns/p": .idle(), "ns/q": PoolSummary(demand: 0, waiting: 0)])) { scaler async throws in
            let unknown = await code { try await scaler.client.isActive(.of("r")) }
            #expect(unknown?.code == .notFound)
            #expect(unknown?.message.contains("Known: ns/p, ns/q.") == true)
            let stream = await code {
                try await scaler.client.streamIsActive(.of("r")) { response in for try await _ in response.messages {} }
            }
            #expect(stream?.code == .notFound)
            #expect(stream?.message == unknown?.message)
            #expect(await code { try await scaler.client.getMetricSpec(.of("p", ["targetSize": "-3"])) }?.code == .invalidArgument)
            let metric = await code { try await scaler.client.getMetrics(.of(.of("p"), "cpu")) }
            #expect(metric?.code == .invalidArgument)
            #expect(metric?.message == "metricName is cpu: take one of greenroom_desired_workers, greenroom_demand, greenroom_queue_depth")
            #expect(
                await code { try await scaler.client.getMetrics(.of(.of("q"), "greenroom_desired_workers")) }?.code == .failedPrecondition)
        }
    }

    @Test func `a message beyond the limit is refused`() async throws {
        try await ScalerHarness.run(PoolsTwin(["ns/p": .idle()]), configure: { $0.limits.messageBytes = 1_000 }) { scaler async throws in
            let error = await code { try await scaler.client.isActive(.of("p", ["note": String(repeating: "x", count: 5_000)])) }
            #expect(error != nil)
            #expect(try await !scaler.client.isActive(.of("p")).result)
        }
    }
}
