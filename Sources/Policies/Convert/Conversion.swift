package import Autoscaling
internal import YAML

// What became of another autoscaler's manifest, and what did not come along?
//
// A conversion is a policy that `policy check` accepts, and notes. The notes name each field without a meaning here, each meaning
// that changed, and for each metric that somebody must send from now on, the command that sends it.

package struct Conversion: Hashable, Sendable {
    /// `ScaledObject kagent/agent-scaler`
    package var origin: String
    package var policy: Policy
    /// In the order of the text.
    package var notes: [ConversionNote]

    package init(origin: String, policy: Policy, notes: [ConversionNote]) {
        self.origin = origin
        self.policy = policy
        self.notes = notes
    }

    /// The policy with its notes as comments before it.
    package var yaml: String {
        var lines = ["Converted from \(origin)."]
        if !notes.isEmpty { lines.append("What to know about it:") }
        for note in notes {
            lines.append("- \(note.path.isEmpty ? "" : "\(note.path): ")\(note.message)")
            lines += note.command.map { "    \($0)" }
        }
        // No character of the manifest may end a comment: each line is one line.
        let comments = lines.map { line in "# " + String(String.UnicodeScalarView(line.unicodeScalars.map { Self.isPlain($0) ? $0 : " " }))
        }
        return comments.map { $0 + "\n" }.joined() + PolicyWriter.yaml(policy)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...: true
        default: false
        }
    }

    /// Several policies in one text.
    package static func yaml(_ conversions: [Conversion]) -> String { conversions.map(\.yaml).joined(separator: "---\n") }
}

/// One thing that was not carried over as it was.
package struct ConversionNote: Hashable, Sendable, CustomStringConvertible {
    package var line: Int
    package var column: Int
    /// Of the manifest's field: `spec.triggers[0].metadata.customHeaders`.
    package var path: String
    package var message: String
    /// A shell command of several lines that takes over what Greenroom can't read itself; empty where there is none.
    package var command: [String]

    package init(line: Int, column: Int, path: String, message: String, command: [String] = []) {
        self.line = line
        self.column = column
        self.path = path
        self.message = message
        self.command = command
    }

    package var description: String {
        let head = "\(line):\(column): \(path.isEmpty ? "" : "\(path): ")\(message)"
        return ([head] + command.map { "    \($0)" }).joined(separator: "\n")
    }
}

/// Notes of one manifest as they are made.
final class NoteList {
    private(set) var notes: [ConversionNote] = []
    /// Fields of the manifest by those of the policy that they became, where the two have other paths.
    var origins: [String: String] = [:]
    /// Beyond that nobody reads on.
    static let limit = 200

    func note(_ path: String, at place: Place?, _ message: String, command: [String] = []) {
        guard notes.count < Self.limit else { return }
        notes.append(ConversionNote(line: place?.line ?? 1, column: place?.column ?? 1, path: path, message: message, command: command))
    }
}
