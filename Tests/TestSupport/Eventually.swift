// Did it come about, without guessing how long it takes?

/// Waits until something holds, looking every few milliseconds; gives up after a bound that only a hang reaches.
package func eventually(
    _ what: @autoclosure () -> String, within bound: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + bound
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NeverHappened(what: what()) }
        try await Task.sleep(for: .milliseconds(2))
    }
}

package struct NeverHappened: Error, CustomStringConvertible {
    package var what: String
    package var description: String { "never happened: \(what)" }

    package init(what: String) { self.what = what }
}
