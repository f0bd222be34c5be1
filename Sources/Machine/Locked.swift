import Synchronization

/// A value behind a lock.
package final class Locked<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    package init(_ value: Value) { state = Mutex(value) }

    package var value: Value {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    package func withValue<Result>(_ change: (inout Value) -> Result) -> Result { state.withLock { change(&$0) } }
}
