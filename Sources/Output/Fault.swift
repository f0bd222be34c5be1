// What went wrong, where, and what should the user do?
//
// Everything a command can fail with ends as one of these, and as one line on stderr. The exit status says which sort it
// is: scripts rely on it.

/// 0 is done.
package enum ExitStatus: Int32, Sendable {
    /// The answer is no: a check failed, decisions differ, a policy is invalid, there is no such thing.
    case no = 1
    case usage = 2
    /// What was named can't be reached or opened.
    case unreachable = 3
}

package struct Fault: Error, Hashable, Sendable {
    package var status: ExitStatus
    /// What failed and where, in one sentence without its full stop.
    package var what: String
    /// What to do about it; empty where nothing can be said.
    package var remedy: String

    package init(_ status: ExitStatus, _ what: String, do remedy: String = "") {
        self.status = status
        self.what = what
        self.remedy = remedy
    }

    /// One line, whatever the parts contain.
    package var line: String {
        let text = remedy.isEmpty ? what : "\(what): \(remedy)"
        return DisplayText.printable(text.split(whereSeparator: \.isNewline).joined(separator: " "))
    }
}

/// The answer is no, and the command has said why already.
package struct Refusal: Error, Hashable, Sendable {
    package init() {}
}
