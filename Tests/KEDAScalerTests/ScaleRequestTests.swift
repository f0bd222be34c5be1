import Views
import Testing

@testable import KEDAScaler

@Suite("What a ScaledObject asks")
struct ScaleRequestTests {
    private func refusal(_ metadata: [String: String]) -> String? {
        do throws(ScalerRefusal) { _ = try ScaleRequest(metadata: metadata, namespace: "ns") } catch {
            #expect(error.code == .invalidArgument)
            return error.sentence
        }
        return nil
    }

    @Test(arguments: [("other/p", "ns", "other/p"), ("p", "ns", "ns/p"), ("p", "", "default/p")])
    func `a pool without a namespace is in the ScaledObject's`(_ name: String, _ namespace: String, _ pool: String) throws {
        #expect(try ScaleRequest(metadata: ["pool": name], namespace: namespace).pool == pool)
    }

    @Test(arguments: [
        ([:], "scalerMetadata.pool is missing: name the pool as NAMESPACE/NAME, or NAME in the ScaledObject's namespace"),
        (["pool": "a/b/c"], "scalerMetadata.pool is a/b/c: name the pool as NAMESPACE/NAME, or NAME in the ScaledObject's namespace"),
        (["pool": "/b"], "scalerMetadata.pool is /b: name the pool as NAMESPACE/NAME, or NAME in the ScaledObject's namespace"),
        (["pool": "p", "metric": "cpu"], "scalerMetadata.metric is cpu: take one of desired, demand, queue_depth"),
        (["pool": "p", "targetSize": "many"], "scalerMetadata.targetSize is many: it must be a number, at most 1e15"),
        (["pool": "p", "targetSize": ""], "scalerMetadata.targetSize is empty: it must be a number, at most 1e15"),
        (["pool": "p", "targetSize": "nan"], "scalerMetadata.targetSize is nan: it must be a number, at most 1e15"),
        (["pool": "p", "targetSize": "1e16"], "scalerMetadata.targetSize is 1e16: it must be a number, at most 1e15"),
        (["pool": "p", "targetSize": "0"], "scalerMetadata.targetSize is 0: it must be more than 0"),
        (["pool": "p", "activationThreshold": "-1"], "scalerMetadata.activationThreshold is -1: it must be 0 or more"),
        (["pool": "p", "targetsize": "3"], "scalerMetadata.targetsize has no meaning: write targetSize"),
    ])
    func `a wrong response to write is a refusal that says what to write`(_ metadata: [String: String], _ sentence: String) {
        #expect(refusal(metadata) == sentence)
    }

    @Test func `what is shown back is short and in one line`() {
        let sentence = refusal(["pool": "p", "metric": String(repeating: "x\n", count: 1_000)])
        #expect(sentence?.contains("\n") == false)
        #expect(sentence?.count ?? 0 < 250)
    }

    @Test func `KEDA's own keys are passed over`() {
        #expect(refusal(["pool": "p", "scalerAddress": "a:1", "unsafeSsl": "true", "caCert": "…", "metricType": "Value"]) == nil)
    }

    // MARK: - Answers

    private func query(_ metadata: [String: String]) throws -> ScaleRequest {
        try ScaleRequest(metadata: metadata.merging(["pool": "p"]) { $1 }, namespace: "ns")
    }

    @Test(arguments: [
        ([:], 5, true, true), ([:], 5, false, false), ([:], 0, true, true), (["activationThreshold": "5"], 5, true, false),
        (["activationThreshold": "4.5"], 5, false, true), (["activationThreshold": "0"], 0, true, false),
    ])
    func `active is what the policy says, or demand above a threshold`(
        _ metadata: [String: String], _ demand: Int, _ policy: Bool, _ active: Bool
    ) throws {
        #expect(try query(metadata).isActive(.with(demand: demand, isActive: policy, desired: 1)) == active)
    }

    @Test(arguments: [(0, false), (1, true)])
    func `without a policy any demand is active`(_ demand: Int, _ active: Bool) throws {
        #expect(try query([:]).isActive(PoolSummary(demand: demand, waiting: 0)) == active)
    }

    @Test(arguments: [
        ([:], "greenroom_desired_workers", Int64(1), 1.0), (["metric": "demand"], "greenroom_demand", 4, 4),
        (["metric": "queue_depth"], "greenroom_queue_depth", 4, 4),
        (["metric": "demand", "targetSize": "2.5"], "greenroom_demand", 3, 2.5),
        (["targetSize": "0.25"], "greenroom_desired_workers", 1, 0.25),
        (["targetSize": "1e15"], "greenroom_desired_workers", 1_000_000_000_000_000, 1e15),
    ])
    func `a spec's two targets agree`(_ metadata: [String: String], _ name: String, _ whole: Int64, _ exact: Double) throws {
        let specs = try query(metadata).spec(.with(demand: 9, isActive: true, desired: 3, slots: 4)).metricSpecs
        #expect(specs.map(\.metricName) == [name])
        #expect(specs.map(\.targetSize) == [whole])
        #expect(specs.map(\.targetSizeFloat) == [exact])
    }

    @Test(arguments: [("greenroom_desired_workers", Int64(3)), ("greenroom_demand", 9), ("greenroom_queue_depth", 2)])
    func `a value's two numbers agree`(_ name: String, _ value: Int64) throws {
        let values = try query([:]).values(.with(demand: 9, waiting: 2, isActive: true, desired: 3), of: name).metricValues
        #expect(values.map(\.metricName) == [name])
        #expect(values.map(\.metricValue) == [value])
        #expect(values.map(\.metricValueFloat) == [Double(value)])
    }

    @Test func `without a policy nothing is desired, and the refusal says what to do`() throws {
        let query = try query([:])
        #expect { try query.values(PoolSummary(demand: 3, waiting: 3), of: "greenroom_desired_workers") } throws: { error in
            (error as? ScalerRefusal)?.code == .failedPrecondition
                && (error as? ScalerRefusal)?.sentence.contains("set scalerMetadata.metric to demand") == true
        }
        #expect(try query.values(PoolSummary(demand: 3, waiting: 3), of: "greenroom_demand").metricValues.map(\.metricValue) == [3])
    }

    @Test func `an unknown pool is answered with the known ones`() {
        let sentence = ScalerRefusal.unknownPool("ns/chta", known: ["ns/chat", "ns/tools"]).sentence
        #expect(
            sentence
                == "there is no pool ns/chta; did you mean ns/chat? Known: ns/chat, ns/tools. Correct scalerMetadata.pool, or apply a policy for that pool"
        )
        let other = ScalerRefusal.unknownPool("ns/worker", known: ["a/chat", "ns/tools"]).sentence
        #expect(
            other == "there is no pool ns/worker. Known: ns/tools, a/chat. Correct scalerMetadata.pool, or apply a policy for that pool")
        let many = ScalerRefusal.unknownPool("x", known: (0..<1_000).map { "ns/pool-\($0)-\(String(repeating: "y", count: 500))" }).sentence
        #expect(many.contains("and 990 more"))
        #expect(many.utf8.count < 2_000)
    }
}

@Suite("The latest answer")
struct LatestResponseTests {
    @Test func `a slow reader gets the latest, and one that keeps up gets each change once`() async {
        let latest = LatestResponse<Int>()
        for number in 1...1_000 { latest.offer(number) }
        var answers = latest.answers.makeAsyncIterator()
        #expect(await answers.next() == 1_000)
        latest.offer(1_000)
        latest.offer(1)
        #expect(await answers.next() == 1)
        latest.offer(2)
        latest.finish()
        #expect(await answers.next() == 2)
        #expect(await answers.next() == nil)
    }

    @Test func `no more streams than the limit, and none after the stop`() throws {
        let streams = OpenStreams(limit: 2)
        let first = try streams.enter {}
        _ = try streams.enter {}
        #expect { _ = try streams.enter {} } throws: { ($0 as? ScalerRefusal)?.code == .resourceExhausted }
        streams.leave(first)
        _ = try streams.enter {}
        streams.stop()
        #expect { _ = try streams.enter {} } throws: { ($0 as? ScalerRefusal)?.code == .unavailable }
    }
}
