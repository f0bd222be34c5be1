import Domain
import Synchronization

/// Values in the order in which they came.
final class Recorder<Value: Sendable>: Sendable {
    private let recorded = Mutex<[Value]>([])
    func add(_ value: Value) { recorded.withLock { $0.append(value) } }
    func clear() { recorded.withLock { $0 = [] } }
    var values: [Value] { recorded.withLock { $0 } }
}

/// Names that a test puts in and takes out.
final class NameSet: Sendable {
    private let names: Mutex<Set<String>>
    init(_ names: Set<String> = []) { self.names = Mutex(names) }
    func set(_ name: String, _ isIn: Bool) { names.withLock { if isIn { $0.insert(name) } else { $0.remove(name) } } }
    func contains(_ name: String) -> Bool { names.withLock { $0.contains(name) } }
}

extension EventBatch {
    /// `worker.ready NAME {body}`, one an event.
    var lines: [String] { events.map { "\($0.kind.name) \(text($0.subject)) \($0.body.isEmpty ? "" : text($0.body))" } }
    var ids: [String] { events.map { text($0.id) } }
}
