import ArgumentParser
import Output

// Does help fit a terminal of 80 columns?
//
// The parser wraps all but the line of usage. That one is broken here, between options, so that none is cut in two.

enum HelpText {
    static let columns = 80
    private static let indentation = "      "

    static func wrapped(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix("USAGE: ") && DisplayText.width(String(line)) > columns ? usage(String(line)) : String(line)
        }.joined(separator: "\n")
    }

    private static func usage(_ line: String) -> String {
        var lines: [String] = []
        var current = ""
        for word in words(line) {
            if current.isEmpty {
                current = word
            } else if DisplayText.width(current) + 1 + DisplayText.width(word) <= columns {
                current += " " + word
            } else {
                lines.append(current)
                current = indentation + word
            }
        }
        return (lines + [current]).joined(separator: "\n")
    }

    /// Words, with what stands in brackets as one.
    private static func words(_ line: String) -> [String] {
        var words: [String] = []
        var depth = 0
        var current = ""
        for character in line {
            if character == " ", depth == 0 {
                if !current.isEmpty { words.append(current) }
                current = ""
                continue
            }
            if character == "[" { depth += 1 }
            if character == "]" { depth -= 1 }
            current.append(character)
        }
        return current.isEmpty ? words : words + [current]
    }
}
