// Which labels must a pod have to be a worker?
//
// A label selector as Kubernetes writes it: requirements joined by commas, all of which must hold. `a=b`, `a==b`, `a!=b`,
// `a in (b,c)`, `a notin (b,c)`, `a`, `!a`. As with Kubernetes a label that is absent fits `!=` and `notin`. Never empty: an
// empty selector would take every pod of the namespace.

package struct WorkerSelector: Hashable, Sendable {
    package enum Requirement: Hashable, Sendable {
        case isIn(String, [String])
        case notIn(String, [String])
        case exists(String)
        case absent(String)
    }

    package static let requirementsLimit = 64
    package static let textLimitBytes = 4_096
    package static let advice = "must be labels such as {app: web}, or a selector such as app=web,tier in (a,b), of at most 64 requirements"

    package private(set) var requirements: [Requirement]

    package init?(_ requirements: [Requirement]) {
        guard !requirements.isEmpty, requirements.count <= Self.requirementsLimit, requirements.allSatisfy(\.isSound) else { return nil }
        self.requirements = requirements
    }

    /// All of these labels.
    package init?(labels: [String: String]) {
        self.init(labels.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { .isIn($0.key, [$0.value]) })
    }

    package init?(_ text: String) {
        guard text.utf8.count <= Self.textLimitBytes else { return nil }
        var requirements: [Requirement] = []
        for part in Self.parts(text) {
            guard let requirement = Self.requirement(part) else { return nil }
            requirements.append(requirement)
        }
        self.init(requirements)
    }

    /// As it is written in a query, and in a policy's canonical form.
    package var text: String { requirements.map(\.text).joined(separator: ",") }

    package func fits(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .isIn(let key, let values): labels[key].map { values.contains($0) } ?? false
            case .notIn(let key, let values): labels[key].map { !values.contains($0) } ?? true
            case .exists(let key): labels[key] != nil
            case .absent(let key): labels[key] == nil
            }
        }
    }

    // MARK: - Reading

    /// At commas outside parentheses.
    private static func parts(_ text: String) -> [String] {
        var parts = [""]
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return parts.map(trimmed)
    }

    private static func requirement(_ text: String) -> Requirement? {
        if let (key, value) = cut(text, at: "!=") { return .notIn(key, [value]) }
        if let (key, value) = cut(text, at: "==") { return .isIn(key, [value]) }
        if let (key, value) = cut(text, at: "=") { return .isIn(key, [value]) }
        let words = text.split(separator: " ", maxSplits: 1).map(String.init)
        if words.count == 1 { return text.first == "!" ? .absent(trimmed(String(text.dropFirst()))) : .exists(text) }
        guard words.count == 2 else { return nil }
        let rest = trimmed(words[1])
        for (word, isIn) in [("notin", false), ("in", true)] where rest.hasPrefix(word) {
            let list = trimmed(String(rest.dropFirst(word.count)))
            guard list.first == "(", list.last == ")" else { return nil }
            let values = list.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false).map { trimmed(String($0)) }
            return isIn ? .isIn(words[0], values) : .notIn(words[0], values)
        }
        return nil
    }

    private static func cut(_ text: String, at mark: String) -> (key: String, value: String)? {
        let bytes = Array(text.utf8), wanted = Array(mark.utf8)
        guard bytes.count >= wanted.count else { return nil }
        for start in 0...(bytes.count - wanted.count) where Array(bytes[start..<(start + wanted.count)]) == wanted {
            let key = String(decoding: bytes[..<start], as: UTF8.self),
                value = String(decoding: bytes[(start + wanted.count)...], as: UTF8.self)
            return (trimmed(key), trimmed(value))
        }
        return nil
    }

    private static func trimmed(_ text: String) -> String {
        let start = text.drop { $0 == " " }
        return String(start.reversed().drop { $0 == " " }.reversed())
    }
}

extension WorkerSelector.Requirement {
    fileprivate var text: String {
        switch self {
        case .isIn(let key, let values): values.count == 1 ? "\(key)=\(values[0])" : "\(key) in (\(values.joined(separator: ",")))"
        case .notIn(let key, let values): values.count == 1 ? "\(key)!=\(values[0])" : "\(key) notin (\(values.joined(separator: ",")))"
        case .exists(let key): key
        case .absent(let key): "!\(key)"
        }
    }

    fileprivate var isSound: Bool {
        switch self {
        case .isIn(let key, let values), .notIn(let key, let values): Self.isKey(key) && !values.isEmpty && values.allSatisfy(Self.isValue)
        case .exists(let key), .absent(let key): Self.isKey(key)
        }
    }

    /// `PREFIX/NAME` or `NAME`.
    private static func isKey(_ key: String) -> Bool {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let name = parts.last, !name.isEmpty else { return false }
        return (parts.count == 1 || (!parts[0].isEmpty && parts[0].utf8.count <= 253)) && isValue(String(name))
            && parts.allSatisfy { isWord($0) }
    }

    /// At most 63 bytes, which may be none.
    private static func isValue(_ value: String) -> Bool { value.utf8.count <= 63 && isWord(value[...]) }

    private static func isWord(_ text: Substring) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            byte &- UInt8(ascii: "0") <= 9 || byte &- UInt8(ascii: "a") <= 25 || byte &- UInt8(ascii: "A") <= 25
        }
        let bytes = text.utf8
        guard let first = bytes.first, let last = bytes.last else { return true }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") }
    }
}
