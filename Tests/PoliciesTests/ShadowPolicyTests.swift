import Autoscaling
import Domain
import Testing

@testable import Policies

@Suite struct ShadowPolicyTests {
    private func document(_ name: String, of pool: String? = "chat", mode: String = "recommend", namespace: String = "n") -> String {
        let shadow = pool.map { "\n  shadowOf: \($0)" } ?? ""
        return
            "\(Sample.head)metadata: {name: \(name), namespace: \(namespace)}\nspec:\n  mode: \(mode)\(shadow)\n  scaleTargetRef: {kind: Process}\n"
    }

    @Test func `a shadow is a policy of its pool under a name of its own`() throws {
        let policy = try #require(try read(document("calm")).first)
        #expect((policy.pool, policy.shadow, policy.name, policy.namespace) == ("n/chat", "calm", "n/calm", "n"))
        #expect(policy.target.name == "chat")
        let live = try #require(try read(document("chat", of: nil)).first)
        #expect((live.pool, live.shadow, live.name) == ("n/chat", nil, "n/chat"))
    }

    @Test func `it is read back from canonical JSON and from YAML`() throws {
        let policy = try #require(try read(document("calm")).first)
        #expect(try Policy(canonicalJSON: policy.canonicalJSON) == policy)
        #expect(try read(PolicyWriter.json(policy)) == [policy])
        #expect(try read(PolicyWriter.yaml(policy)) == [policy])
        #expect(
            PolicyWriter.yaml(policy).contains("\nmetadata: {name: calm, namespace: \"n\"}\nspec:\n  mode: recommend\n  shadowOf: chat\n"))
    }

    @Test func `a policy that is none keeps its bytes`() throws {
        let json = PolicyWriter.json(try #require(try read(document("chat", of: nil)).first))
        #expect(!json.contains("shadow"))
    }

    @Test(arguments: [
        ("calm", "chat", "auto", "spec.shadowOf", "mode: recommend"), ("chat", "chat", "recommend", "spec.shadowOf", "its own shadow"),
        ("calm", "Chat", "recommend", "spec.shadowOf", "lower-case"), ("calm", "other/chat", "recommend", "spec.shadowOf", "lower-case"),
        ("Calm", "chat", "recommend", "metadata.name", "lower-case"), ("calm", "[chat]", "recommend", "spec.shadowOf", "text"),
    ])
    func `what makes no shadow is refused with its place`(_ name: String, _ pool: String, _ mode: String, _ path: String, _ words: String)
        throws
    {
        let found = problems(document(name, of: pool, mode: mode))
        #expect(found.map(\.path) == [path], "\(found)")
        #expect(found.first?.message.contains(words) == true, "\(found)")
    }

    @Test func `a live policy and its shadows may stand in one text, each name once and four shadows at most`() throws {
        func text(_ documents: [String]) -> String { documents.joined(separator: "---\n") }
        let four = ["a", "b", "c", "d"].map { document($0) }
        #expect(try read(text([document("chat", of: nil)] + four)).map(\.name) == ["n/chat", "n/a", "n/b", "n/c", "n/d"])
        #expect(problems(text(four + [document("e")])).map(\.path) == ["spec.shadowOf"])
        #expect(problems(text([document("a"), document("a", of: "other")])).map(\.path) == ["metadata.name"])
        #expect(problems(text([document("a"), document("a", of: nil)])).map(\.path) == ["metadata.name"])
        #expect(try read(text([document("a"), document("a", namespace: "m")])).map(\.name) == ["n/a", "m/a"])
    }
}
