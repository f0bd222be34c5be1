import ArgumentParser
import Autoscaling
import Inspection
import Output
import Policies

// What does a policy in effect say, as a file that can be applied again?

struct PolicyExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print policies in effect as YAML that apply takes.",
        discussion: """
            Examples:
              greenroom policy export kagent/default > policy.yaml
              greenroom policy export --db ./greenroom.db
            A pause or hold is not part of it: `greenroom resume` ends those.
            """)

    @Argument(help: ArgumentHelp("NS/NAME of the policy, or of several (default: all).", valueName: "name"))
    var names: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("The namespace, if a name has none; without names: only this one.", valueName: "ns"))
    var namespace: String?

    @OptionGroup var source: SourceOptions

    func run() async throws {
        Terminal.write(PolicyWriter.yaml(try await policies(source.state())))
    }

    func policies(_ state: any StateSource) async throws -> [Policy] {
        guard !names.isEmpty else {
            return try await state.policies().filter { namespace == nil || $0.namespace == namespace }.map { try Policy(shown: $0) }
        }
        var found: [Policy] = []
        for name in names { found.append(try await state.policyInEffect(try PoolName.qualified(name, namespace: namespace))) }
        return found
    }
}
