import ArgumentParser
import Inspection
import Output

// How is a policy taken away?
//
// The pool keeps its workers and its place in listings; nobody decides about its size from then on.

struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete policies from a running service.",
        discussion: """
            Examples:
              greenroom delete policy kagent/default
              greenroom delete policy default -n kagent
            The pool's workers stay as they are. A policy that the service has under
            `policies` in its configuration comes back at its next start: remove that
            file too. One that is an object in a cluster comes back at once: delete
            the object with kubectl.
            Needs a token with the role admin, where the service has tokens.
            """)

    enum Resource: String, ExpressibleByArgument, CaseIterable, Sendable {
        case policy

        init?(argument: String) {
            guard ["policy", "policies", "wpa"].contains(argument.lowercased()) else { return nil }
            self = .policy
        }
    }

    @Argument(help: "policy.")
    var resource: Resource

    @Argument(help: ArgumentHelp("NS/NAME of the policy, or of several.", valueName: "name"))
    var names: [String]

    @Option(name: .shortAndLong, help: ArgumentHelp("The namespace, if the name has none.", valueName: "ns"))
    var namespace: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let full = try names.map { try PoolName.qualified($0, namespace: namespace) }
        try await ServiceWriter.with(server, "delete", .admin) { writer in
            for name in full { Terminal.writeLine(try await delete(name, writer)) }
        }
    }

    func delete(_ name: String, _ writer: ServiceWriter) async throws -> String {
        let request = APIRequest(method: .delete, path: APIPath("/v1/policies", name).text)
        _ = try await writer.send(request, about: "policy \(name)")
        return DisplayText.printable("policy \(name) deleted")
    }
}
