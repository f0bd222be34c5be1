import ArgumentParser
import Assembly
import Autoscaling
import Domain
import Foundation
import Output
import Policies

// Is a policy file right, and what does it say?
//
// `convert` has a file of its own.

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Check policy files, print policies in effect, and convert policies of KEDA and HPA.",
        subcommands: [PolicyCheckCommand.self, PolicyExportCommand.self, PolicyConvertCommand.self])
}

struct PolicyCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check policy files: print each problem with its line, and each valid policy in one line.",
        discussion: """
            Examples:
              greenroom policy check policies/*.yaml
              cat policy.yaml | greenroom policy check -
            Exit status: 0 all are valid, 1 one is invalid, 3 one can't be read.
            """)

    @Argument(help: "Files of one or more policies, YAML or JSON; - is standard input.")
    var files: [String]

    func run() async throws {
        var isGood = true
        for file in files {
            let check = PolicyCheck(text: try PolicyFiles.text(of: file), name: file == "-" ? "<stdin>" : file, now: TimeText.now())
            for line in check.problems { Terminal.writeError(DisplayText.printable(line)) }
            for line in check.policies { Terminal.writeLine(DisplayText.printable(line)) }
            isGood = isGood && check.problems.isEmpty
        }
        if !isGood { throw Refusal() }
    }
}

/// What is to be said of one file.
struct PolicyCheck: Hashable, Sendable {
    /// `FILE:LINE:COL: path: message`
    var problems: [String] = []
    var policies: [String] = []

    init(text: [UInt8], name: String, now: LogTime) {
        do {
            policies = try PolicyReader.policies(from: text, source: name, now: now).map { Self.summary($0, name) }
        } catch {
            problems = error.problems.map { "\(name):\($0.description)" }
        }
    }

    /// `pools.yaml: kagent/default: WorkerPool/kagent-default, 0 to 20 workers of 1 slot, triggers demand ÷ 1; cooldown 300 s`
    private static func summary(_ policy: Policy, _ file: String) -> String {
        var text =
            "\(file): \(policy.name): \(policy.target.kind)/\(policy.target.name), \(policy.minReplicaCount) to \(policy.maxReplicaCount) workers"
        text += " of \(policy.slotsPerWorker) slot\(policy.slotsPerWorker == 1 ? "" : "s")"
        let triggers = policy.triggers.map { "\($0.name) ÷ \(Reason.Value.milli($0.thresholdMilli).text)" }
        if !triggers.isEmpty { text += ", triggers \(triggers.joined(separator: ", "))" }
        if policy.scalingModifiers != nil { text += ", a formula" }
        text += ", cooldown \(policy.cooldownPeriodSeconds) s"
        if policy.shadow != nil { text += ", shadow of \(policy.pool)" } else if policy.mode == .recommend { text += ", recommends only" }
        return text
    }
}
