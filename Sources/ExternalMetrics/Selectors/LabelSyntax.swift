// What may a label's key and value look like?
//
// Kubernetes' rules: a key is a name of at most 63 characters, optionally behind a DNS subdomain and a slash; a value is empty or a
// name. A name begins and ends with a letter or digit and has `-`, `_`, `.` between. A selector beyond that can match nothing, so
// it is refused as the caller's mistake.

enum LabelSyntax {
    static let nameBytesMost = 63
    static let prefixBytesMost = 253

    /// nil where the key is right; else what is wrong with it.
    static func problem(ofKey key: String) -> String? {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { return "a key has at most one slash" }
        if parts.count == 2, !isSubdomain(parts[0]) {
            return "the part before the slash must be a DNS subdomain of at most \(prefixBytesMost) lowercase characters"
        }
        guard let name = parts.last, isName(name) else { return "a key's name has \(nameRule)" }
        return nil
    }

    static func problem(ofValue value: String) -> String? {
        value.isEmpty || isName(value[...]) ? nil : "a value is empty or has \(nameRule)"
    }

    private static let nameRule = "1 to \(nameBytesMost) letters, digits, '-', '_' or '.', and begins and ends with a letter or digit"

    private static func isName(_ text: Substring) -> Bool {
        let bytes = text.utf8
        guard bytes.count <= nameBytesMost, let first = bytes.first, let last = bytes.last else { return false }
        guard isAlphanumeric(first), isAlphanumeric(last) else { return false }
        return bytes.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    private static func isSubdomain(_ text: Substring) -> Bool {
        guard !text.isEmpty, text.utf8.count <= prefixBytesMost else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            guard let first = part.utf8.first, let last = part.utf8.last, isLowerOrDigit(first), isLowerOrDigit(last) else { return false }
            return part.utf8.allSatisfy { isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }
        }
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLowerOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
