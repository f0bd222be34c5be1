import ArgumentParser
import Inspection
import Output

// How is a policy taken away, or a pool that nothing is in any more?
//
// Without its policy a pool keeps its workers and its place in listings; nobody decides about its size from then on. A pool can be
// deleted once it has neither policy nor workers, and none of its actors waits or runs. Its history stays in the log.

struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete policies or pools from a running service.",
        discussion: """
            Examples:
              greenroom delete policy kagent/default
              greenroom delete policy default -n kagent
              greenroom delete pool kagent/defualt
            A pool must have neither policy nor workers, and none of its actors may wait
            or run. Its history stays in the log.
            A policy's workers stay as they are. A policy that the service has under
            `policies` in its configuration comes back at its next start: remove that
            file too. One that is an object in a cluster comes back at once: delete
            the object with kubectl.
            Needs a token with the role admin, where the service has tokens.
            """)

    enum Resource: String, ExpressibleByArgument, CaseIterable, Sendable {
        case policy, pool

        init?(argument: String) {
            switch argument.lowercased() {
            case "policy", "policies", "wpa": self = .policy
            case "pool", "pools", "po": self = .pool
            default: return nil
            }
        }
    }

    @Argument(help: "policy or pool.")
    var resource: Resource

    @Argument(help: ArgumentHelp("NS/NAME of the policy or pool, or of several.", valueName: "name"))
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
        let path = resource == .policy ? "/v1/policies" : "/v1/pools"
        _ = try await writer.send(APIRequest(method: .delete, path: APIPath(path, name).text), about: "\(resource.rawValue) \(name)")
        return DisplayText.printable("\(resource.rawValue) \(name) deleted")
    }
}
