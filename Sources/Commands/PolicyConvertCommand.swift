import ArgumentParser
import Assembly
import Domain
import Output
import Policies

// Which policy does a manifest of KEDA or HPA amount to?
//
// The policy goes to standard output, for `policy check`, `serve` and PUT. Standard error has what was not carried over as it was,
// with its place, and the commands that send what Greenroom can't read itself.

struct PolicyConvertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Convert KEDA ScaledObjects and HorizontalPodAutoscalers to policies.",
        discussion: """
            Examples:
              greenroom policy convert scaledobject.yaml > policy.yaml
              kubectl get hpa.v2.autoscaling,scaledobject -o yaml \\
                | greenroom policy convert -
            What can't be converted is named on stderr, and in comments of the YAML.
            Exit status: 0 success, 1 a manifest is invalid or there is none, 3 the file
            can't be read.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case yaml, json }

    @Argument(help: "Files of one or more manifests, YAML or JSON; - is standard input.")
    var files: [String]

    @Option(name: [.short, .long], help: "yaml, with the notes as comments, or json, a policy a line.")
    var output: Format = .yaml

    func run() async throws {
        var conversions: [Conversion] = []
        var isGood = true
        for file in files {
            let conversion = PolicyConversion(
                text: try PolicyFiles.text(of: file), name: file == "-" ? "<stdin>" : file, now: TimeText.now())
            for line in conversion.notes + conversion.problems { Terminal.writeError(DisplayText.printable(line)) }
            conversions += conversion.conversions
            isGood = isGood && conversion.problems.isEmpty
        }
        guard isGood else { throw Refusal() }
        switch output {
        case .yaml: Terminal.write(Conversion.yaml(conversions))
        case .json: for conversion in conversions { Terminal.writeLine(PolicyWriter.json(conversion.policy)) }
        }
    }
}

/// What is to be said of one file.
struct PolicyConversion: Sendable {
    var conversions: [Conversion] = []
    /// Lines of `FILE:LINE:COL: path: message`, each command after its note.
    var notes: [String] = []
    var problems: [String] = []

    init(text: [UInt8], name: String, now: LogTime) {
        do throws(PolicyError) {
            conversions = try PolicyConverter.conversions(of: text, source: name, now: now)
            notes = conversions.flatMap(\.notes).flatMap { note in
                let lines = note.description.split(separator: "\n", omittingEmptySubsequences: false)
                return ["\(name):\(lines[0])"] + lines.dropFirst().map(String.init)
            }
        } catch {
            problems = error.problems.map { "\(name):\($0.description)" }
        }
    }
}
