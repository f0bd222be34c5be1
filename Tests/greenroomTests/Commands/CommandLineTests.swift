import ArgumentParser
import Domain
import Foundation
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
        ["demo", "--speed", "0"], ["demo", "--port", "70000"], ["get", "pools", "--status", "busy"],
        ["get", "workers", "--status", "waiting"], ["get", "pools", "--since", "5m"], ["events", "--since", "soon"],
        ["events", "--follow", "--until", "5m"], ["apply"], ["hold", "a/b"], ["hold", "a/b", "-1"], ["scale", "a/b"],
        ["scale", "a/b", "--quota", "t"], ["send", "actor.dancing", "a"], ["send", "scale.decided", "a"], ["delete", "worker", "a/b"],
        ["serve", "--listen", "8080"],
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

    @Test(arguments: [
        (["gte", "pools"], "there is no command gte; did you mean get?"), (["puase", "a/b"], "did you mean pause?"),
        (["policy", "chekc", "f"], "there is no command chekc; did you mean check?"), (["get", "podls"], "Did you mean pools?"),
        (["events", "--kind", "actor.requestd"], "did you mean actor.requested?"), (["zzzzzz"], "known here: get, top"),
        (["get", "actors", "--status", "runing"], "did you mean running?"),
    ])
    func whatMayHaveBeenMeantIsSaid(arguments: [String], hint: String) async {
        do {
            _ = try await Greenroom.asyncParseAsRoot(arguments)
            Issue.record("parsed")
        } catch {
            guard case .failure(let line, .usage) = CommandOutcome(error, arguments: arguments) else {
                Issue.record("\(CommandOutcome(error))")
                return
            }
            #expect(line.contains(hint), "\(line)")
        }
    }

    private static func commands(_ command: any ParsableCommand.Type = Greenroom.self) -> [any ParsableCommand.Type] {
        [command] + command.configuration.subcommands.flatMap { commands($0) }
    }

    @Test func helpFitsEightyColumns() {
        for command in Self.commands() {
            let help = HelpText.wrapped(Greenroom.helpMessage(for: command, columns: 80))
            for line in help.split(separator: "\n") { #expect(DisplayText.width(String(line)) <= 80, "\(command): \(line)") }
        }
    }

    /// A line that the parser had to wrap is no example any more.
    @Test func whatIsWrittenInHelpStaysInItsLines() {
        for command in Self.commands() {
            let help = Set(
                Greenroom.helpMessage(for: command, columns: 80).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
            for line in command.configuration.discussion.split(separator: "\n") {
                #expect(help.contains(line.trimmingCharacters(in: .whitespaces)), "\(command): \(line)")
            }
        }
    }

    @Test func everyExampleIsUnderstood() async throws {
        for command in Self.commands() {
            let lines = command.configuration.discussion.replacingOccurrences(of: "\\\n", with: " ").split(separator: "\n")
            for line in lines where line.hasPrefix("  ") && line.contains("greenroom ") {
                guard let typed = Self.typed(String(line)) else { continue }
                do { _ = try await Greenroom.asyncParseAsRoot(typed) } catch {
                    Issue.record("\(line): \(CommandOutcome(error, arguments: typed))")
                }
            }
        }
    }

    /// The words after `greenroom`, up to a pipe or a redirection; nil where the line only speaks of it.
    private static func typed(_ line: String) -> [String]? {
        let parts = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        guard let part = parts.first(where: { $0.hasPrefix("greenroom ") }) else { return nil }
        var words: [String] = []
        var isQuoted = false
        var word: String?
        for character in part.dropFirst("greenroom ".count) {
            switch character {
            case "\"", "'": isQuoted.toggle(); word = word ?? ""
            case " " where !isQuoted:
                if let word { words.append(word) }
                word = nil
            default: word = (word ?? "") + String(character)
            }
        }
        if let word { words.append(word) }
        return Array(words.prefix { $0 != ">" && $0 != "<" && $0 != "&" && $0 != "2>" })
    }

    @Test(arguments: [
        ("23:59:59", "2026-11-21T12:00:00Z", "--at 23:59:59 is in the future", "write --at \"yesterday 23:59:59\""),
        ("2026-12-24", "2026-11-21T12:00:00Z", "--at 2026-12-24 is in the future", "leave out --at for now"),
    ])
    func aFutureTimeIsAnErrorThatNamesTheNearestPastOne(text: String, now: String, what: String, remedy: String) throws {
        let now = try #require(LogTime(rfc3339: now))
        #expect {
            try MomentOption.moment(text, "--at", .utc, now: now)
        } throws: { error in
            guard let fault = error as? Fault else { return false }
            return fault.status == .usage && fault.what.hasPrefix(what) && fault.remedy.hasSuffix(remedy)
        }
        #expect(try MomentOption.moment("4711", "--at", .utc, now: now) == .position(4_711))
    }

    @Test func everyCommandHasAnAbstract() {
        for command in Greenroom.configuration.subcommands { #expect(!command.configuration.abstract.isEmpty) }
    }

    @Test func faultsKeepTheirStatus() {
        #expect(CommandOutcome(Fault(.unreachable, "x", do: "y")) == .failure("greenroom: x: y", .unreachable))
        #expect(CommandOutcome(Refusal()) == .silent(1))
    }

    @Test(
        arguments: [("ns/name", nil, "ns/name"), ("name", "ns", "ns/name"), ("ns/name", "ns", "ns/name"), ("name", nil, "default/name")]
            as [(String, String?, String)])
    func poolsAreNamedInFullOrWithTheirNamespace(name: String, namespace: String?, full: String) throws {
        #expect(try PoolName.qualified(name, namespace: namespace) == full)
    }

    @Test(arguments: [("", nil), ("a/b/c", nil), ("/b", nil), ("a/", nil), ("a/b", "c"), ("", "ns")] as [(String, String?)])
    func halfNamesAreRefused(name: String, namespace: String?) {
        #expect(throws: Fault.self) { try PoolName.qualified(name, namespace: namespace) }
    }
}
