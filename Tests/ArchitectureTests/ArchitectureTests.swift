import Testing

// Do the sources keep to the house's rules? Each rule first proves on a made-up file that it can find something.

@Suite struct ArchitectureTests {
    @Test("a file imports only from the floors below, and from its target's own packages")
    func imports() throws { try check(Rules.imports) }

    @Test("Basics, Domain, Autoscaling and Placement have no clock, no randomness, no I/O and no concurrency")
    func purity() throws { try check(Rules.purity) }

    @Test("nothing is forced: no try!, no as!, no unwrap")
    func force() throws { try check(Rules.force) }

    @Test("what the compiler doesn't check for data races says what guards it")
    func unchecked() throws { try check(Rules.unchecked) }

    @Test("no wait is timed by the wall clock")
    func wallWaits() throws { try check(Rules.wallWaits) }

    @Test("every file opens with a comment")
    func openingComments() throws { try check(Rules.openingComment) }

    @Test("migrations are numbered from 001 without a gap")
    func migrations() throws {
        let names = try Repository.names(in: "migrations")
        #expect(!names.isEmpty)
        #expect(Rules.migrations(names).map(\.description) == [])
    }

    @Test("the table of floors is itself in order: imports go down, but for those named")
    func table() throws {
        for floor in Floor.table {
            for name in floor.ours {
                let below = try #require(Floor.of(name), "\(floor.target) may import \(name), which has no row")
                #expect(
                    below.level < floor.level || Floor.sideways.contains([floor.target, name]),
                    "\(floor.target) may import \(name), which is not below")
            }
        }
        #expect(Set(Floor.table.map(\.target)).count == Floor.table.count)
    }

    @Test("no target has a name that a package imports where it finds one: it would get ours, in a build from nothing")
    func names() {
        let taken: Set<String> = [
            "System", "Combine", "OpenCombine", "Network", "Security", "Dispatch", "Foundation", "Accelerate", "Testing", "XCTest",
        ]
        #expect(Floor.table.map(\.target).filter(taken.contains) == [])
    }

    private func check(_ rule: (SourceFile) -> [Violation]) throws {
        let files = try Repository.sources()
        #expect(files.count > 50, "the sources were not found at \(Repository.root.path)")
        #expect(files.flatMap(rule).map(\.description) == [])
    }
}

@Suite struct RulesTests {
    private func file(_ target: String, _ text: String) -> SourceFile { SourceFile(path: "Sources/\(target)/Made/Up.swift", text: text) }

    @Test(
        "an import of a floor above, of the platform, or of a package that isn't the target's is found: target, line",
        arguments: [
            ("Domain", "import Foundation"), ("Domain", "import Autoscaling"), ("Autoscaling", "public import EventLog"),
            ("Placement", "@preconcurrency internal import Logging"),
            ("Autoscaling", "import struct Foundation.Date"), ("Domain", "#if canImport(Glibc)\nimport Glibc\n#endif"),
            ("EventLog", "import ControlLoop"), ("ControlLoop", "import Replay"), ("HTTPService", "import ControlLoop"),
            ("Views", "import ControlLoop"),
            ("Replay", "import ControlLoop"), ("Simulation", "import ControlLoop"),
            ("ControlLoop", "import NIOCore"), ("Policies", "import EventLog"), ("HTTPService", "import Telemetry"),
            ("Telemetry", "import EventLog"), ("ServiceClient", "import WorkerAgent"),
            ("WorkerAgent", "  import ControlLoop"), ("greenroom", "import Assembly"), ("Assembly", "import Commands"),
            ("Inspection", "import Assembly"), ("Domain", "import Synchronization"), ("Mystery", "// nothing"),
        ])
    func badImports(_ target: String, _ text: String) { #expect(Rules.imports(file(target, text)).count == 1) }

    @Test(
        "imports the table allows, and texts that only look like imports, pass",
        arguments: [
            ("Autoscaling", "public import Domain\nimport Collections"), ("EventLog", "import GRDB\nimport Dispatch"),
            ("Policies", "import Foundation\ninternal import Yams"),
            ("Assembly", "import HTTPService\nimport ServiceLifecycle"), ("Commands", "import Assembly\nimport ArgumentParser"),
            ("greenroom", "import Commands"),
            ("Domain", "// import Foundation\n/* import Glibc */\nlet a = \"\"\"\nimport Foundation\n\"\"\"\nlet importance = 1"),
        ])
    func goodImports(_ target: String, _ text: String) { #expect(Rules.imports(file(target, text)).isEmpty) }

    @Test(
        "impure code is found in pure targets, and only there",
        arguments: [
            "let now = Date()", "let clock = ContinuousClock()", "Int.random(in: 0...1)", "var g = SystemRandomNumberGenerator()",
            "list.shuffled()", "print(1)", "  debugPrint(x)",
            "getenv(name)", "Task { }", "Task.sleep()", "Thread.current", "_ = await x", "actor Loop {", "let text = \"\\(Date())\"",
            "FileManager.default", "UUID()",
        ])
    func impure(_ line: String) {
        #expect(Rules.purity(file("Domain", line)).count == 1)
        #expect(Rules.purity(file("EventLog", line)).isEmpty)
    }

    @Test(
        "words that only resemble impure code pass",
        arguments: [
            "// print(1), Date(), Task", "let s = \"Date() Task print(1)\"", "let update = 1", "case actor", "func blueprint(_ x: Int)",
            "let now: LogTime", "x.now", "at now: LogTime", "mutating func open()",
            "let openArray = 1", "json.openObject()", "func evaluate(at now: LogTime)", "isNow", "row(now: now)", "ContinuousFunction()",
            "let taskCount = 0", "public var actor: Int", "out.write(1)",
        ])
    func pure(_ line: String) { #expect(Rules.purity(file("Domain", line)).isEmpty) }

    @Test(
        "forced unwraps, casts and tries are found",
        arguments: [
            "try! f()", "x as! Int", "a!", "a!.b", "f()!", "list[0]!", "let x: Int!", "g(a!, b)", "\"\\(a!)\"", "{ $0 }()!", "a! + b",
        ])
    func forced(_ line: String) { #expect(Rules.force(file("greenroom", line)).count == 1) }

    @Test(
        "other exclamation marks pass",
        arguments: [
            "a != b", "!a", "if !a.b(), !(c) {", "a !== b", "\"no!\"", "// no!", "#\"raw \"quote\"! text\"#", "f(!a)", "x == !y",
            "\"\"\"\n  no! \"no!\"\n\"\"\"",
        ])
    func notForced(_ text: String) { #expect(Rules.force(file("greenroom", text)).isEmpty) }

    @Test("unchecked without a reason is found, with one it passes")
    func unchecked() {
        #expect(Rules.unchecked(file("EventLog", "\nfinal class A: @unchecked Sendable {}")).count == 1)
        #expect(
            Rules.unchecked(
                file("EventLog", "// Guarded by the lock.\nlet a = 1\nfinal class A: @unchecked Sendable {\n    let b = 1 // no")
            ).count == 1)
        #expect(Rules.unchecked(file("EventLog", "nonisolated(unsafe) var a = 1")).count == 1)
        #expect(Rules.unchecked(file("EventLog", "// Guarded by the lock.\n@frozen\nfinal class A: @unchecked Sendable {}")).isEmpty)
        #expect(Rules.unchecked(file("EventLog", "nonisolated(unsafe) var a = 1 // one thread")).isEmpty)
        #expect(Rules.unchecked(file("EventLog", "struct A: @unchecked Sendable {\n    // Only kept alive.\n    let a: B")).isEmpty)
        #expect(Rules.unchecked(file("EventLog", "// about @unchecked Sendable")).isEmpty)
    }

    @Test(
        "a wait that is timed by the wall clock is found; others pass",
        arguments: [
            ("wake.wait(timeout: .now() + 1)", 1), ("group.wait(wallTimeout: end)", 1), ("timer.schedule(wallDeadline: .now())", 1),
            ("let lock = NSCondition()", 1),
            ("wake.wait()", 0), ("timer.schedule(deadline: .now() + 1)", 0), ("// wait(timeout: 1)", 0), ("await wait(atMost: 1)", 0),
        ])
    func wallWaits(_ line: String, _ count: Int) { #expect(Rules.wallWaits(file("EventLog", line)).count == count) }

    @Test(
        "a file that begins with code is found",
        arguments: [
            ("import Domain\n\nenum A {}", 1), ("enum A {}", 1), ("", 1), ("import Domain\n", 1), ("// Why?\nenum A {}", 0),
            ("import Domain\n\n// Why?\nenum A {}", 0),
            ("#if canImport(Glibc)\nimport Glibc\n#endif\n/// Why?\nenum A {}", 0),
        ])
    func opening(_ text: String, _ count: Int) { #expect(Rules.openingComment(file("Domain", text)).count == count) }

    @Test(
        "misnamed and missing migrations are found",
        arguments: [
            (["001_log.sql", "002_more.sql"], 0), (["1_log.sql"], 1), (["001_log.sql", "003_more.sql"], 1),
            (["001_log.sql", "README.md"], 1), (["001_Log.sql"], 1), (["001_a.sql", "001_b.sql"], 1),
        ])
    func migrations(_ names: [String], _ count: Int) { #expect(Rules.migrations(names).count == count) }

    @Test("a violation says where it is")
    func place() {
        let found = Rules.imports(file("Domain", "// Why?\n\nimport Foundation"))
        #expect(found.map(\.description) == ["Sources/Domain/Made/Up.swift:3: Domain (floor 0) may not import Foundation"])
    }
}
