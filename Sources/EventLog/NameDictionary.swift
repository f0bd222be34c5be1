// Which name does a number of this log stand for?
//
// The log's dictionary in memory, shared by the writer, which adds to it, and everyone who reads. A name that a commit
// brings is found by others only once that commit is durable: a failed commit takes its numbers back, and nobody else may
// have seen one. Text is looked up for numbers that came out of the log, so those are always there.

package import Domain
import Synchronization

package final class NameDictionary: NameReading, Sendable {
    private struct State: Sendable {
        var table = NameTable(findsQualified: true)
        /// Names of commits that are durable; higher numbers belong to the commit under way.
        var durable = 0
        var durableTextBytes = 0
    }

    private let state = Mutex(State())
    /// Copies of `durable` and `durableTextBytes` for those who ask often and need no lock.
    private let durableCount = Atomic<Int>(0)
    private let durableBytes = Atomic<Int>(0)
    /// The number of our own source, once it is durable; 0 before.
    private let own = Atomic<UInt32>(0)

    init() {}

    package func text(of id: NameID) -> String { state.withLock { $0.table.text(of: id) } }

    package func appendText(of id: NameID, to bytes: inout [UInt8]) {
        state.withLock { $0.table.appendText(of: id, to: &bytes) }
    }

    /// The number of `name`; nil where no event has used it.
    package func find(_ name: String) -> NameID? {
        state.withLock { state in
            guard let id = state.table.find(name), id.index <= state.durable else { return nil }
            return id
        }
    }

    /// The numbers of `NAMESPACE/name`, of whatever namespace.
    package func qualified(_ name: String) -> [NameID] {
        state.withLock { state in state.table.qualified(name).filter { $0.index <= state.durable } }
    }

    /// How many names there are; their numbers are 1 to this.
    package var count: Int { durableCount.load(ordering: .relaxed) }

    /// The number of our own source, `CommittedEvent.ownSource`; none where no event of it was ever written.
    var ownSource: NameID {
        let known = own.load(ordering: .relaxed)
        if known > 0 { return NameID(known) }
        return state.withLock { state in
            guard let id = state.table.find(CommittedEvent.ownSource) else { return .none }
            // A commit that fails takes its names back.
            if id.index <= state.durable { own.store(id.rawValue, ordering: .relaxed) }
            return id
        }
    }

    // MARK: - The writer's side

    /// With the names of the commit under way.
    var countWithNew: Int { state.withLock { $0.table.count } }

    /// Runs `body` on the table itself, for many names under one lock.
    /// Short stretches only: others read names meanwhile.
    func withTable(_ body: (inout NameTable) throws -> Void) rethrows { try state.withLock { try body(&$0.table) } }

    /// Text that commits under way or waiting may still bring.
    private static let reservedBytes = 256 << 20

    /// Whether `bytes` more of text would still fit. Asked before a batch is taken, so that interning it can't fail.
    func hasRoom(forBytes bytes: Int) -> Bool {
        durableBytes.load(ordering: .relaxed) + bytes + Self.reservedBytes <= NameTable.textLimitBytes
            && count < Int(UInt32.max) - (1 << 20)
    }

    /// The names after the first `known`, in order.
    func withNewNames(after known: Int, _ body: (NameID, UnsafeBufferPointer<UInt8>) throws -> Void) rethrows {
        // Copied out first: `body` writes to the database, and readers must not wait for that.
        let added: [(NameID, [UInt8])] = state.withLock { state in
            (known..<max(known, state.table.count)).map { index in
                let id = NameID(UInt32(index + 1))
                return (id, state.table.withText(of: id) { Array($0) })
            }
        }
        for (id, text) in added { try text.withUnsafeBufferPointer { try body(id, $0) } }
    }

    /// The commit is durable: its names are everyone's.
    func keepNew() {
        state.withLock { state in
            guard state.durable < state.table.count else { return }
            for index in state.durable..<state.table.count {
                state.durableTextBytes += state.table.withText(of: NameID(UInt32(index + 1))) { $0.count }
            }
            state.durable = state.table.count
            publish(state)
        }
    }

    private func publish(_ state: State) {
        durableCount.store(state.durable, ordering: .relaxed)
        durableBytes.store(state.durableTextBytes, ordering: .relaxed)
    }

    /// The commit did not happen: its names never were.
    func dropNew() { state.withLock { $0.table.truncate(to: $0.durable) } }

    /// A name read back from the file, whose number must be the next. False where the dictionary doesn't continue so.
    func restore(_ id: Int64, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        state.withLock { state in
            guard !text.isEmpty, let (found, isNew) = state.table.intern(text), isNew, Int64(found.rawValue) == id else { return false }
            state.durable = state.table.count
            state.durableTextBytes += text.count
            publish(state)
            return true
        }
    }
}
