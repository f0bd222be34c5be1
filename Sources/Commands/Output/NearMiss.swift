import ArgumentParser
import Basics

// Which command or value was meant by one that isn't there?
//
// The parser names what it didn't expect; which of our words is nearest is said here.

enum NearMiss {
    /// The parser's message, and what may have been meant.
    static func improved(_ message: String, arguments: [String]) -> String {
        if let unknown = unknownCommand(arguments) {
            return "there is no command \(unknown.word)\(NearestName.hint(for: unknown.word, in: unknown.known))"
        }
        let mark = "The value '"
        guard message.hasPrefix(mark) else { return message }
        let value = String(message.dropFirst(mark.count).prefix { $0 != "'" })
        guard let list = message.range(of: "Please provide one of ") else { return message }
        let known = message[list.upperBound...].split(separator: "'").enumerated().filter { $0.offset % 2 == 0 }.map { String($0.element) }
        return NearestName.nearest(to: value, in: known).map { "\(message) Did you mean \($0)?" } ?? message
    }

    /// The first word that is no command where one is due; nil where all are.
    private static func unknownCommand(_ arguments: [String]) -> (word: String, known: [String])? {
        var command: any ParsableCommand.Type = Greenroom.self
        for word in arguments {
            let children = command.configuration.subcommands
            guard !children.isEmpty, !word.hasPrefix("-") else { return nil }
            let names = children.map { $0._commandName }
            guard let next = children.first(where: { $0._commandName == word || $0.configuration.aliases.contains(word) }) else {
                return word == "help" ? nil : (word, names)
            }
            command = next
        }
        return nil
    }
}
