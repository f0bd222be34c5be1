import ArgumentParser
import Testing

@testable import Commands
@testable import Output

@Suite struct CommandLineTests {
    private func outcome(_ arguments: String...) async -> CommandOutcome? {
        do {
            // Help and the version are commands of the parser's own, which throw their text when they run.
            var command = try await Greenroom.asyncParseAsRoot(arguments)
            try command.run()
            return nil
        } catch { return CommandOutcome(error) }
    }

    @Test(arguments: [
        ["get"], ["get", "nothing"], ["get", "pools", "--limit", "0"], ["nonsense"], ["events", "--kind", "actor.dancing"],
        ["events", "--after", "-1"], ["explain", "pool", "a/b", "--at", "sometime"], ["get", "pools", "--db", "x", "--server", "y"],
        ["demo", "--speed", "0"], ["demo", "--port", "70000"],
    ])
    func whatCannotBeParsedEndsWithTwoInOneLine(arguments: [String]) async {
        do {
            _ = try await Greenroom.asyncParseAsRoot(arguments)
            Issue.record("parsed")
        } catch {
            guard case .failure(let line, .usage) = CommandOutcome(error) else {
                Issue.record("\(CommandOutcome(error))")
                return
            }
            #expect(line.hasPrefix("greenroom: "))
            #expect(!line.contains("\n"))
            #expect(line.contains("--help"))
        }
    }

    @Test func helpAndVersionAreNoFailures() async {
        guard case .text(let help)? = await outcome("get", "--help") else { Issue.record("no help"); return }
        #expect(help.contains("Examples:"))
        #expect(await outcome("--version") == .text(Version.line))
        #expect(Version.line.hasPrefix("\(Version.text) (commit "))
    }

    @Test func everyCommandHasAnAbstract() {
        for command in Greenroom.configuration.subcommands { #expect(!command.configuration.abstract.isEmpty) }
    }

    @Test func faultsKeepTheirStatus() {
        #expect(CommandOutcome(Fault(.unreachable, "x", do: "y")) == .failure("greenroom: x: y", .unreachable))
        #expect(CommandOutcome(Refusal()) == .silent(1))
    }

    @Test(arguments: [("ns/name", nil, "ns/name"), ("name", "ns", "ns/name"), ("ns/name", "ns", "ns/name")] as [(String, String?, String)])
    func poolsAreNamedInFullOrWithTheirNamespace(name: String, namespace: String?, full: String) throws {
        #expect(try PoolName.qualified(name, namespace: namespace) == full)
    }

    @Test(arguments: [("name", nil), ("a/b/c", nil), ("/b", nil), ("a/", nil), ("a/b", "c"), ("", "ns")] as [(String, String?)])
    func halfNamesAreRefused(name: String, namespace: String?) {
        #expect(throws: Fault.self) { try PoolName.qualified(name, namespace: namespace) }
    }
}
