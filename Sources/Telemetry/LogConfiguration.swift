package import Domain
package import Logging
import Glibc
import Synchronization
import Machine

// Where does the log of this process go, how much of it, and in which form?

package struct LogConfiguration: Sendable {
    package enum Format: String, Hashable, Sendable, CaseIterable {
        /// For people: `TIME LEVEL LABEL: MESSAGE KEY=VALUE …`
        case text
        /// For machines: one JSON object a line.
        case json
    }

    package var format: Format
    package var level: Logger.Level
    /// Takes one line with its line end; called by one thread at a time.
    package var write: @Sendable ([UInt8]) -> Void
    package var now: @Sendable () -> LogTime

    package init(
        format: Format = .text, level: Logger.Level = .info, write: @escaping @Sendable ([UInt8]) -> Void = StandardError.write,
        now: @escaping @Sendable () -> LogTime = StandardError.now
    ) {
        self.format = format
        self.level = level
        self.write = write
        self.now = now
    }

    /// To be called once, before the first logger is made.
    package func bootstrap() {
        LoggingSystem.bootstrap(
            { label, provider in LineLogHandler(label: label, configuration: self, metadataProvider: provider) }, metadataProvider: nil)
    }
}

package enum StandardError {
    private static let turn = Mutex(())

    /// Whole lines, one after the other. What can't be written is lost: there is nowhere to say so.
    package static func write(_ line: [UInt8]) {
        turn.withLock { _ in
            line.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = Glibc.write(STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if count < 0 && errno == EINTR { continue }
                    guard count > 0 else { return }
                    rest = rest.dropFirst(count)
                }
            }
        }
    }

    package static func now() -> LogTime { LogTime(microseconds: WallClock.microseconds()) }
}
