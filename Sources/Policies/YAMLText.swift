internal import Autoscaling

// How is a tree of fields written as YAML that people like to read?
//
// Objects as blocks of two spaces, small ones and the elements of lists in one line. A text is bare only where no YAML
// version could take it for something else; otherwise it is in double quotes, with the escapes JSON and YAML share.

enum YAMLText {
    typealias Member = (name: String, value: Value)

    indirect enum Value {
        case text(String)
        case integer(Int)
        case flag(Bool)
        /// value · 10^−decimals.
        case decimal(Int64, Int)
        case object([Member])
        case inline([Member])
        case list([Value])
        case inlineList([Value])
    }

    static func document(_ members: [Member]) -> String {
        var text = ""
        append(members, indent: 0, to: &text)
        return text
    }

    private static func append(_ members: [Member], indent: Int, to text: inout String) {
        let margin = String(repeating: " ", count: indent)
        for (name, value) in members {
            text += "\(margin)\(scalar(name)):"
            switch value {
            case .object(let members):
                text += "\n"
                append(members, indent: indent + 2, to: &text)
            case .list(let elements) where !elements.isEmpty:
                text += "\n"
                for element in elements { text += "\(margin)- \(inline(element))\n" }
            default:
                text += " \(inline(value))\n"
            }
        }
    }

    private static func inline(_ value: Value) -> String {
        switch value {
        case .text(let text): scalar(text)
        case .integer(let integer): "\(integer)"
        case .flag(let flag): "\(flag)"
        case .decimal(let value, let decimals): Quantity.text(value, decimals: decimals)
        case .object(let members), .inline(let members):
            "{\(members.map { "\(scalar($0.name)): \(inline($0.value))" }.joined(separator: ", "))}"
        case .list(let elements), .inlineList(let elements): "[\(elements.map(inline).joined(separator: ", "))]"
        }
    }

    /// Words that some version of YAML reads as something other than a text.
    private static let taken: Set<String> = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"]

    private static func scalar(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let isWord = bytes.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || "_-./".utf8.contains($0) }
        let hasLetter = bytes.first.map { ($0 | 0x20) &- 0x61 < 26 } ?? false
        return isWord && hasLetter && !taken.contains(text.lowercased()) ? text : quoted(text)
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C: quoted += "\\\(Character(scalar))"
            case 0x0A: quoted += "\\n"
            case 0x0D: quoted += "\\r"
            case 0x09: quoted += "\\t"
            // YAML takes no control characters as they are, nor its line breaks beyond ASCII.
            case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: quoted += "\\u" + hexadecimal(scalar.value)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Four digits.
    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
