import Testing

@testable import Autoscaling

@Suite struct WorkerSelectorTests {
    @Test(
        "a selector reads, writes itself and fits as Kubernetes' does",
        arguments: [
            ("app=web", ["app": "web"], true), ("app==web", ["app": "x"], false),
            ("app = web , tier=a", ["app": "web", "tier": "a"], true),
            ("app!=web", [:], true), ("app!=web", ["app": "web"], false), ("tier in (a, b)", ["tier": "b"], true),
            ("tier in (a,b)", [:], false),
            ("tier notin (a,b)", [:], true), ("tier notin (a,b)", ["tier": "a"], false), ("gpu", ["gpu": ""], true),
            ("!gpu", ["gpu": "x"], false),
            ("example.com/app=", ["example.com/app": ""], true),
        ] as [(String, [String: String], Bool)])
    func fits(_ text: String, _ labels: [String: String], _ fits: Bool) throws {
        let selector = try #require(WorkerSelector(text))
        #expect(selector.fits(labels) == fits)
        #expect(WorkerSelector(selector.text) == selector)
    }

    @Test(
        "what is no selector, and one that fits everything, is refused",
        arguments: [
            "", ",", "=", "a=b,", "a in b", "a in ()x", "a like b", "a b", "a=b c", "/a=b", "a/b/c=d", "-a=b", "a=-b",
            String(repeating: "a", count: 64) + "=b",
            (0..<65).map { "k\($0)=v" }.joined(separator: ","),
        ])
    func refused(_ text: String) { #expect(WorkerSelector(text) == nil, "\(text)") }

    @Test("the policy's canonical form has it only where it is given")
    func canonical() throws {
        var policy = Policy(pool: "ns/p", target: ScaleTarget(apiVersion: "example.com/v1", kind: "Widget", name: "w"))
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        #expect(!String(decoding: policy.canonicalJSON, as: UTF8.self).contains("workerSelector"))
        policy.workerSelector = WorkerSelector(labels: ["app": "w", "a": "b"])
        #expect(try Policy(canonicalJSON: policy.canonicalJSON) == policy)
        #expect(String(decoding: policy.canonicalJSON, as: UTF8.self).contains(#""workerSelector":"a=b,app=w""#))
    }
}
