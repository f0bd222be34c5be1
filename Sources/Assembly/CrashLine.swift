import Foundation
import Synchronization

// What does a crash look like?
//
// One line and the end, at once. The Swift runtime's own handler reads the whole program's symbols first. Meanwhile a service that
// nobody can reach would hold its port for half a minute. Nothing acknowledged is lost, so a quick restart is worth more. Whoever
// wants the runtime's report sets SWIFT_BACKTRACE, and is left alone.

package enum CrashLine {
    /// Once, before there are threads.
    package static func install() {
        guard ProcessInfo.processInfo.environment["SWIFT_BACKTRACE"] == nil else { return }
        // Made here, and not by a handler.
        _ = isJSON.load(ordering: .relaxed)
        for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGQUIT] { signal(number, sayHowItEnded) }
    }
}

extension CrashLine {
    /// From here on the line is an object in JSON, as the log's lines are.
    package static func writeJSON() { isJSON.store(true, ordering: .releasing) }

    fileprivate static let isJSON = Atomic<Bool>(false)
}

/// Runs as a signal's handler: it may use nothing but the stack and `write`.
private func sayHowItEnded(_ number: Int32) {
    let message: StaticString =
        switch number {
        case SIGILL, SIGTRAP:
            "ended by a failed internal check (described above, if compiled in); acknowledged events are safe: start it again"
        case SIGABRT: "ended by abort (what failed is said above); acknowledged events are safe: start it again"
        case SIGSEGV: "ended by a bad memory access (SIGSEGV); acknowledged events are safe: start it again"
        case SIGBUS:
            "ended by a bad memory access (SIGBUS): a file it had mapped may have been cut short; acknowledged events are safe: start it again"
        case SIGFPE: "ended by a bad division (SIGFPE); acknowledged events are safe: start it again"
        default: "ended by SIGQUIT"
        }
    let isJSON = CrashLine.isJSON.load(ordering: .acquiring)
    writeAll(isJSON ? "{\"level\":\"critical\",\"label\":\"greenroom\",\"message\":\"" : "greenroom: ")
    writeAll(message)
    writeAll(isJSON ? "\"}\n" : "\n")
    // With its own handler gone, the signal ends the process and tells its parent which it was.
    signal(number, SIG_DFL)
    raise(number)
}

private func writeAll(_ text: StaticString) { _ = write(2, text.utf8Start, text.utf8CodeUnitCount) }
