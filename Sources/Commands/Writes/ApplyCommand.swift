import ArgumentParser
import Assembly
import Autoscaling
import Views
import Domain
import Inspection
import Output
import Policies

// How does a policy in a file take effect?
//
// Every file is read and checked whole before the first policy is sent, so a mistake in the last one changes nothing. Each policy is
// one request. A pool's own policy goes before its shadows, which begin where the pool stands.

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Apply policies from files to a running service.",
        discussion: """
            Examples:
              greenroom apply -f policy.yaml --dry-run
              greenroom apply -f policies/
              cat policy.yaml | greenroom apply -f -
            Needs a token with the role admin, where the service has tokens.
            A policy that the service has under `policies` in its configuration is
            read from there again at its next start: change that file too.
            Exit status: 0 all applied, 1 one is invalid or was refused, 3 the
            service can't be reached or the token lacks the role.
            """)

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Policies in YAML or JSON: a file, a folder, or - for standard input; may be repeated.", valueName: "file"))
    var file: [String] = []

    @Flag(name: .long, help: "Only print what each policy would decide now; nothing is applied.")
    var dryRun = false

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard !file.isEmpty else { throw ValidationError("name the policies with -f FILE, or -f - for standard input") }
        guard file.count(where: { $0 == "-" }) <= 1 else { throw ValidationError("standard input can be read once: give -f - once") }
    }

    func run() async throws {
        let policies = try read()
        let isGood = try await ServiceWriter.with(server, "apply", .admin) { try await apply(policies, $0) { Terminal.writeLine($0) } }
        if !isGood { throw Refusal() }
    }

    /// All policies of all files, or every problem on stderr and a refusal.
    func read() throws -> [Policy] {
        let now = TimeText.now()
        var policies: [Policy] = []
        if file.contains("-") {
            policies += try self.policies(in: try PolicyFiles.text(of: "-"), "<stdin>", now: now)
        }
        policies += try PolicyFiles.read(file.filter { $0 != "-" }, now: now)
        if file.contains("-") { try PolicyFiles.refuseDoubles(policies) }
        return policies.filter { $0.shadow == nil } + policies.filter { $0.shadow != nil }
    }

    /// Each problem is said with its line and column.
    func policies(in text: [UInt8], _ name: String, now: LogTime) throws -> [Policy] {
        do throws(PolicyError) { return try PolicyReader.policies(from: text, source: name, now: now) } catch {
            for problem in error.problems { Terminal.writeError(DisplayText.printable("\(name):\(problem.description)")) }
            throw Refusal()
        }
    }

    /// One after the other; a refused one keeps none of the others back. Answers whether all were taken.
    func apply(_ policies: [Policy], _ writer: ServiceWriter, _ say: (String) -> Void) async throws -> Bool {
        var isGood = true
        for policy in policies {
            do {
                say(try await apply(policy, writer))
            } catch let fault as Fault where fault.status == .no {
                Terminal.writeError("greenroom: \(fault.line)")
                isGood = false
            }
        }
        return isGood
    }

    private func apply(_ policy: Policy, _ writer: ServiceWriter) async throws -> String {
        let response = try await writer.put(policy, isDryRun: dryRun)
        let what = dryRun ? "would be applied (dry run)" : "applied"
        return DisplayText.printable("policy \(policy.name) \(what)" + (response.map { ": \($0.text)" } ?? ""))
    }
}

extension ServiceWriter {
    func put(_ policy: Policy, isDryRun: Bool) async throws -> AnsweredDecision? {
        var path = APIPath("/v1/policies", policy.name)
        if isDryRun { path.query("dryRun", "true") }
        let request = APIRequest(
            method: .put, path: path.text, contentType: "application/yaml", body: Array(PolicyWriter.yaml(policy).utf8))
        return AnsweredDecision(try await send(request, about: "policy \(policy.name)"))
    }

    /// The policy as it stands; a fault where there is none.
    func policy(_ name: String) async throws -> Policy { try await ServerState(api: api).policyInEffect(name) }
}

extension StateSource {
    /// The policy as it stands; a fault where there is none.
    func policyInEffect(_ name: String) async throws -> Policy {
        guard let view = try await policy(name) else {
            throw Fault(.no, "there is no policy \(name)", do: "`greenroom get policies` lists those there are")
        }
        return try Policy(shown: view)
    }
}

extension Policy {
    /// What a listing shows, as a policy again. The pause in effect is no part of it: that is `resume`'s business.
    init(shown view: PolicyView) throws {
        do throws(PolicyJSONError) { self = try Policy(canonicalJSON: Array(view.canonicalJSON.utf8), isLogged: true) } catch {
            throw Fault(
                .unreachable, "the policy \(view.namespace)/\(view.name) can't be read: \(error.message)",
                do: "use a greenroom of the service's version")
        }
    }
}
