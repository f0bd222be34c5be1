package import EventLog

// What does a log that fails mean for who asked?
//
// One line in words: what failed, where, what to do.

extension Fault {
    package init(_ error: LogError) {
        // What was opened and is damaged is an answer; what could not be opened is none.
        self.init(
            error.reason == .damaged ? .no : .unreachable, "can't \(error.operation) \(error.path): \(Self.withoutCodes(error.problem))",
            do: error.hint)
    }

    /// The service's own log has SQLite's code and words; a command prints what it means.
    static func withoutCodes(_ problem: String) -> String {
        let mark = "SQLite says "
        guard let range = problem.firstRange(of: mark) else { return problem }
        let before = problem[..<range.lowerBound]
        guard before.hasSuffix(" (") else {
            let code = problem[range.upperBound...].prefix { $0.isNumber }
            return "\(before)the file can't be used\(code.isEmpty ? "" : " (code \(code))")"
        }
        // The words are SQLite's own, and may have brackets in them.
        let rest = problem[range.upperBound...]
        let after = rest.lastIndex(of: ")").map { rest[rest.index(after: $0)...] } ?? ""
        return String(before.dropLast(2)) + after
    }
}
