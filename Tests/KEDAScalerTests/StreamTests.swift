import ControlLoop
import GRPCCore
import Testing

@testable import KEDAScaler

@Suite("Streams over the wire", .timeLimit(.minutes(2)))
struct StreamTests {
    @Test func `a stream says how it is, then each change, and only changes`() async throws {
        let plane = PoolsTwin(["ns/p": .idle()])
        try await ScalerHarness.run(plane) { scaler async throws in
            let stream = OpenStream.isActive(scaler.client, .of("p"))
            var answers = stream.answers.makeAsyncIterator()
            #expect(await answers.next() == false)
            plane.set("ns/p", .busy(1))
            #expect(await answers.next() == true)
            for demand in 2...50 { plane.set("ns/p", .busy(demand)) }
            plane.set("ns/p", .idle())
            #expect(await answers.next() == false)
            stream.close()
            await plane.allLeft()
        }
    }

    @Test func `specs come at once and with each policy, and agree with the query`() async throws {
        let plane = PoolsTwin(["ns/p": .with(demand: 3, isActive: true, desired: 3, slots: 2)])
        try await ScalerHarness.run(plane) { scaler async throws in
            let object = Externalscaler_ScaledObjectRef.of("p", ["metric": "demand"])
            let stream = OpenStream.specs(scaler.client, object)
            var answers = stream.answers.makeAsyncIterator()
            #expect(await answers.next()?.metricSpecs.map(\.targetSize) == [2])
            plane.set("ns/p", .with(demand: 9, isActive: true, desired: 3, slots: 2))
            plane.set("ns/p", .with(demand: 9, isActive: true, desired: 3, slots: 4, seq: 8))
            let changed = await answers.next()
            #expect(changed?.metricSpecs.map(\.targetSize) == [4])
            #expect(try await scaler.client.getMetricSpec(object) == changed)
            plane.set("ns/p", .with(demand: 9, isActive: true, desired: 3, slots: 4, seq: 9))
            #expect(await answers.next() == changed)
            stream.close()
            await plane.allLeft()
        }
    }

    @Test func `two streams hear the same, and one that ends leaves the other alone`() async throws {
        let plane = PoolsTwin(["ns/p": .idle()])
        try await ScalerHarness.run(plane) { scaler async throws in
            let first = OpenStream.isActive(scaler.client, .of("p"))
            let second = OpenStream.isActive(scaler.client, .of("ns/p", namespace: "other", ["activationThreshold": "10"]))
            var (firstAnswers, secondAnswers) = (first.answers.makeAsyncIterator(), second.answers.makeAsyncIterator())
            #expect(await firstAnswers.next() == false)
            #expect(await secondAnswers.next() == false)
            plane.set("ns/p", .busy(11))
            #expect(await secondAnswers.next() == true)
            #expect(await firstAnswers.next() == true)
            second.close()
            var counts = plane.watching.makeAsyncIterator()
            while await counts.next() != 2 {}
            while await counts.next() != 1 {}
            plane.set("ns/p", .idle())
            #expect(await firstAnswers.next() == false)
            first.close()
            await plane.allLeft()
        }
    }

    @Test func `one stream more than the limit is refused, until another ends`() async throws {
        let plane = PoolsTwin(["ns/p": .idle()])
        try await ScalerHarness.run(plane, configure: { $0.limits.streams = 1 }) { scaler async throws in
            let stream = OpenStream.isActive(scaler.client, .of("p"))
            var answers = stream.answers.makeAsyncIterator()
            _ = await answers.next()
            #expect(await OpenStream.specs(scaler.client, .of("p")).fault?.code == .resourceExhausted)
            stream.close()
            await plane.allLeft()
        }
    }

    @Test func `a stop ends streams well, so that KEDA opens them again at once`() async throws {
        try await ScalerHarness.run(PoolsTwin(["ns/p": .idle()])) { scaler async throws in
            let stream = OpenStream.isActive(scaler.client, .of("p"))
            let specs = OpenStream.specs(scaler.client, .of("p"))
            var answers = stream.answers.makeAsyncIterator()
            var others = specs.answers.makeAsyncIterator()
            _ = await answers.next()
            _ = await others.next()
            await scaler.stop()
            #expect(await stream.fault == nil)
            #expect(await specs.fault == nil)
        }
    }

    @Test func `a pool that is known and hasn't begun is idle, and heard of once it begins`() async throws {
        let plane = PoolsTwin([:])
        try await ScalerHarness.run(plane, knows: { $0 == "ns/p" }) { scaler async throws in
            let object = Externalscaler_ScaledObjectRef.of("p")
            #expect(try await scaler.client.isActive(object).result == false)
            #expect(try await scaler.client.getMetrics(.of(object, "greenroom_desired_workers")).metricValues.map(\.metricValue) == [0])
            #expect(try await scaler.client.getMetrics(.of(object, "greenroom_demand")).metricValues.map(\.metricValue) == [0])
            #expect(try await scaler.client.getMetricSpec(object).metricSpecs.map(\.targetSize) == [1])
            let stream = OpenStream.isActive(scaler.client, object)
            var answers = stream.answers.makeAsyncIterator()
            #expect(await answers.next() == false)
            var counts = plane.watching.makeAsyncIterator()
            while await counts.next() != 1 {}
            plane.set("ns/p", .busy(2))
            #expect(await answers.next() == true)
            stream.close()
            await plane.allLeft()
            let unknown: RPCError? = await fault { _ = try await scaler.client.isActive(.of("q")) }
            #expect(unknown?.code == .notFound)
        }
    }

    @Test func `a stream whose deadline passes ends, and gives its place back`() async throws {
        let plane = PoolsTwin(["ns/p": .idle()])
        try await ScalerHarness.run(plane) { scaler async throws in
            var options = CallOptions.defaults
            // Long enough to reach the server on a busy machine.
            options.timeout = .seconds(1)
            let failed: RPCError? = await fault {
                try await scaler.client.streamIsActive(.of("p"), options: options) { response in for try await _ in response.messages {} }
            }
            #expect(failed != nil)
            await plane.allLeft()
        }
    }

    private func fault(_ call: () async throws -> Void) async -> RPCError? {
        do { try await call() } catch { return error as? RPCError }
        return nil
    }
}
