import Foundation

// Where does output go, and what can be done there?
//
// Standard output is written through one place: whole lines, errors noticed. A reader that went away (`| head`) ends the
// command quietly, as it would end any filter.

package enum Terminal {
    /// Whether standard output is a terminal.
    package static let isInteractive = isatty(STDOUT_FILENO) == 1
    /// Whether standard error is a terminal: progress goes there.
    static let errorsAreInteractive = isatty(STDERR_FILENO) == 1

    /// Whether colour may be used on standard output (https://no-color.org).
    static let hasColour = isInteractive && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty && !isDumb
    package static let isDumb = ProcessInfo.processInfo.environment["TERM"] == "dumb"

    /// Columns and rows of the terminal; 80 × 24 where it doesn't say.
    package static func size() -> (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Writes to standard output at once.
    package static func write(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }
    package static func write(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }
    package static func writeLine(_ text: String) { write(text + "\n") }
    package static func writeError(_ line: String) { write(Array((line + "\n").utf8), to: STDERR_FILENO) }
    static func writeProgress(_ text: String) { write(Array(text.utf8), to: STDERR_FILENO) }

    private static func write(_ whole: [UInt8], to descriptor: Int32) {
        var bytes = whole[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                bytes = bytes.dropFirst(written)
            } else if errno == EINTR {
                continue
            } else if errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
            } else {
                // EPIPE: nobody reads any more. Anything else (a full disk under a redirection) is a failure.
                exit(errno == EPIPE ? 0 : ExitStatus.unreachable.rawValue)
            }
        }
    }
}

/// The few colours that carry meaning, as escape sequences, or nothing where they are not wanted.
package struct Palette: Sendable {
    package var isOn: Bool

    package static let forOutput = Palette(isOn: Terminal.hasColour)

    package func bold(_ text: String) -> String { wrap(text, "1") }
    package func dim(_ text: String) -> String { wrap(text, "2") }
    package func red(_ text: String) -> String { wrap(text, "31") }
    package func green(_ text: String) -> String { wrap(text, "32") }
    package func yellow(_ text: String) -> String { wrap(text, "33") }
    package func blue(_ text: String) -> String { wrap(text, "34") }
    package func cyan(_ text: String) -> String { wrap(text, "36") }

    private func wrap(_ text: String, _ code: String) -> String { isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
}
