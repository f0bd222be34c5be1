// What should people who run this log know, as it happens?

/// A sentence for the service's log.
package struct LogNotice: Hashable, Sendable {
    package enum Level: Hashable, Sendable {
        /// All is well again, or something is worth knowing.
        case notice
        /// Something is to be looked at; appends go on.
        case warning
        /// Appends are refused.
        case error
    }

    package var level: Level
    package var text: String

    package init(_ level: Level, _ text: String) {
        self.level = level
        self.text = text
    }
}
