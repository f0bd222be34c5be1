import Domain
import Testing

@Suite("A name within its namespace")
struct QualifiedNameTests {
    @Test("the namespace ends at the first slash, and neither part is empty")
    func split() {
        #expect(QualifiedName.split("a/session-1").map { [$0.namespace, $0.name] } == ["a", "session-1"])
        #expect(QualifiedName.split("a/b/c").map { [$0.namespace, $0.name] } == ["a", "b/c"])
        for text in ["session-1", "/session-1", "a/", "", "/"] { #expect(QualifiedName.split(text) == nil) }
    }

    @Test("a pool without a slash is in default")
    func pools() {
        #expect(QualifiedName.namespace(ofPool: "a/x") == "a")
        #expect(QualifiedName.namespace(ofPool: "x") == "default")
    }

    @Test("a name may come with its namespace, and with no other")
    func bare() {
        #expect(QualifiedName.bare("a/session-1", in: "a") == "session-1")
        #expect(QualifiedName.bare("ab/session-1", in: "a") == "ab/session-1")
        #expect(QualifiedName.bare("a/", in: "a") == "a/")
        #expect(QualifiedName.full("session-1", in: "a") == "a/session-1")
        #expect(QualifiedName.full("a/session-1", in: "a") == "a/session-1")
        #expect(QualifiedName.full("b/session-1", in: "a") == "a/b/session-1")
        #expect(QualifiedName.full("é/x", in: "e") == "e/é/x")
    }

    @Test("names are found by what stands behind their namespace, also after a commit that did not happen")
    func table() {
        var table = NameTable(findsQualified: true)
        for name in ["session-1", "a/session-1", "b/session-1", "/session-1", "a/b/session-1"] { _ = table.intern(name) }
        let kept = table.count
        for k in 0..<3_000 { _ = table.intern("n\(k)/session-1") }
        #expect(table.qualified("session-1").count == 3_002)
        table.truncate(to: kept)
        #expect(table.qualified("session-1").map { table.text(of: $0) } == ["a/session-1", "b/session-1"])
        #expect(table.qualified("b/session-1").map { table.text(of: $0) } == ["a/b/session-1"])
        #expect(table.qualified("nobody").isEmpty)
        _ = table.intern("c/session-1")
        #expect(table.qualified("session-1").count == 3)
    }
}
