// Why is there no value?
//
// A fault is what becomes of a look that brought nothing: an error in `queue.observed`, one line that an operator can act
// on. It never holds a secret: addresses carry none, and of files only names are told.

package struct PollFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line of printable text, at most `limitCharacters`.
    package let description: String

    /// Whether another server behind the same name may answer.
    var isOfOneServer = false

    static let limitCharacters = 200

    init(_ text: String, isOfOneServer: Bool = false) {
        self.isOfOneServer = isOfOneServer
        let plain = text.unicodeScalars.map { $0.value >= 0x20 && $0.value != 0x7F ? Character($0) : " " }
        description = String(plain.prefix(Self.limitCharacters))
    }
}
