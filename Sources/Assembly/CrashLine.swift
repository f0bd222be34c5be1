import Foundation

// What does a crash look like?
//
// One line and the end, at once. The Swift runtime's own handler reads the whole program's symbols first. Meanwhile a service that
// nobody can reach would hold its port for half a minute. Nothing acknowledged is lost, so a quick restart is worth more. Whoever
// wants the runtime's report sets SWIFT_BACKTRACE, and is left alone.

package enum CrashLine {
    /// Once, before there are threads.
    package static func install() {
        guard ProcessInfo.processInfo.environment["SWIFT_BACKTRACE"] == nil else { return }
        for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGQUIT] { signal(number, sayHowItEnded) }
    }
}

/// Runs as a signal's handler: it may use nothing but the stack and `write`.
private func sayHowItEnded(_ number: Int32) {
    let line: StaticString =
        switch number {
        case SIGILL, SIGTRAP:
            "greenroom: ended by a failed internal check (described above, if compiled in); acknowledged events are safe: start it again\n"
        case SIGABRT: "greenroom: ended by abort (what failed is said above); acknowledged events are safe: start it again\n"
        case SIGSEGV: "greenroom: ended by a bad memory access (SIGSEGV); acknowledged events are safe: start it again\n"
        case SIGBUS:
            "greenroom: ended by a bad memory access (SIGBUS): a file it had mapped may have been cut short; acknowledged events are safe: start it again\n"
        case SIGFPE: "greenroom: ended by a bad division (SIGFPE); acknowledged events are safe: start it again\n"
        default: "greenroom: ended by SIGQUIT\n"
        }
    _ = write(2, line.utf8Start, line.utf8CodeUnitCount)
    // With its own handler gone, the signal ends the process and tells its parent which it was.
    signal(number, SIG_DFL)
    raise(number)
}
