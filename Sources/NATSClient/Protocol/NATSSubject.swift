// May this be a subject?
//
// The server doesn't check the subject of a publish: a wildcard in it is sent as it is and reaches nobody who expects it, and a blank
// would be read as the next field. So subjects are checked here.

package enum NATSSubject {
    /// Longer ones wouldn't leave room in a control line, which has 4,096 bytes.
    package static let bytesMost = 1_024

    /// What is wrong with it, in words; nil where nothing is.
    package static func fault(_ subject: String, allowsWildcards: Bool) -> String? {
        func fault(_ problem: String) -> String { "\"\(subject.prefix(80))\" is no subject: \(problem)" }
        if subject.isEmpty { return fault("it is empty") }
        if subject.utf8.count > bytesMost { return fault("it has more than \(bytesMost) bytes") }
        if subject.utf8.contains(where: { $0 <= 32 || $0 == 127 }) { return fault("it has a blank or a control character") }
        let tokens = subject.split(separator: ".", omittingEmptySubsequences: false)
        if tokens.contains(where: \.isEmpty) { return fault("there is nothing between two dots, or at its ends") }
        for (number, token) in tokens.enumerated() where token == "*" || token == ">" {
            if !allowsWildcards { return fault("a wildcard is for subscriptions") }
            if token == ">", number != tokens.count - 1 { return fault("\">\" may only stand at its end") }
        }
        return nil
    }

    /// A name that stands as one token of a subject: a stream's, a bucket's.
    package static func tokenFault(_ name: String, what: String) -> String? {
        let isFine =
            !name.isEmpty && name.utf8.count <= 255 && name.utf8.allSatisfy { (33...126).contains($0) && !".*>/\\".utf8.contains($0) }
        return isFine ? nil : "\"\(name.prefix(80))\" is no \(what)'s name: use up to 255 visible ASCII characters without . * > / \\"
    }
}
