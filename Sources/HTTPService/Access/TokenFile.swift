import Machine
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// Which tokens are valid now?
//
// The file is read when the server starts, where a fault ends the start, and again when it changes. If a changed file still has a
// fault when it is read again, its valid lines take effect. A token that is on none of them is refused from then on, so a fault
// never keeps a revoked token valid. The first look changes nothing, since the file may be half written. A file that can't be read
// at all keeps the tokens of the last one. A fault is reported as long as it lasts. The file is looked at at most once a second, by
// the server's own watch and not by requests. What any user of the machine may read is no secret: such a file is refused at the
// start, and brings no new tokens later.

final class TokenFile: Sendable {
    struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        var path: String
        var problem: String
        var description: String { "tokens file \(path): \(problem)" }
    }

    static let bytesMost = 4 << 20

    private struct State {
        var table: TokenTable
        var stamp: Stamp
        /// A file with a fault that was seen last.
        var faulty: (stamp: Stamp, fault: Fault)?
    }

    private struct Stamp: Hashable {
        var seconds: Int
        var nanoseconds: Int
        var bytes: Int64
        var inode: UInt64
        /// Who may read it is a part of whether it is right.
        var mode: UInt32
    }

    let path: String
    private let state: Mutex<State>
    /// Rises with every reload: what connections remember of a token is void then.
    private let generationNumber = Atomic<Int>(1)

    init(path: String) throws(Fault) {
        self.path = path
        let (table, stamp) = try Self.load(path)
        state = Mutex(State(table: table, stamp: stamp))
    }

    var generation: Int { generationNumber.load(ordering: .acquiring) }

    func principal(presenting token: some Collection<UInt8>) -> Principal? {
        let table = state.withLock { $0.table }
        return table.principal(presenting: token)
    }

    /// Reads the file again where it changed; true where there are new tokens. Throws as long as the file has a fault.
    func reloadIfChanged() throws(Fault) -> Bool {
        let (seen, _) = try Self.examine(path)
        let (stamp, faulty) = state.withLock { ($0.stamp, $0.faulty) }
        if let faulty, faulty.stamp == seen {
            // Taken already.
            if stamp == seen { throw faulty.fault }
            return try takeRightLines(seen)
        }
        guard stamp != seen || faulty != nil else { return false }
        if stamp == seen {
            state.withLock { $0.faulty = nil }
            return false
        }
        do throws(Fault) {
            let (table, stamp) = try Self.load(path)
            replace(State(table: table, stamp: stamp))
            return true
        } catch {
            let fault = Fault(path: path, problem: "\(error.problem); if it stays so, only the lines without fault count")
            state.withLock { $0.faulty = (seen, fault) }
            throw fault
        }
    }

    /// The faulty file stands: its right lines are what counts. Of a file that others may read only tokens that were valid before.
    private func takeRightLines(_ seen: Stamp) throws(Fault) -> Bool {
        let (table, faults) = TokenTable.reading(try Self.read(path))
        let isOpen = try Self.examine(path).mode & Self.others != 0
        let before = state.withLock { $0.table }
        let problem = (isOpen ? [Self.openProblem(path)] : []) + faults.map { "line \($0.line): \($0.problem)" }
        let fault = Fault(
            path: path,
            problem:
                "\(problem.joined(separator: "; ")); until this is corrected the \(table.entries.count) valid lines count, and no other token"
        )
        replace(State(table: isOpen ? table.common(with: before) : table, stamp: seen, faulty: (seen, fault)))
        throw fault
    }

    private func replace(_ next: State) {
        state.withLock { $0 = next }
        generationNumber.add(1, ordering: .releasing)
    }

    private static let others = mode_t(S_IROTH | S_IWOTH)
    private static func openProblem(_ path: String) -> String { "every user of this machine may read or change it: run chmod 600 \(path)" }

    private static func load(_ path: String) throws(Fault) -> (TokenTable, Stamp) {
        let (stamp, mode) = try examine(path)
        guard mode & others == 0 else { throw Fault(path: path, problem: openProblem(path)) }
        guard stamp.bytes <= bytesMost else { throw Fault(path: path, problem: "has \(stamp.bytes) bytes; at most \(bytesMost) are taken") }
        let bytes = try read(path)
        do throws(TokenTable.Fault) {
            return (try TokenTable(parsing: bytes), stamp)
        } catch {
            throw Fault(path: path, problem: "line \(error.line): \(error.problem)")
        }
    }

    private static func examine(_ path: String) throws(Fault) -> (stamp: Stamp, mode: mode_t) {
        var found = stat()
        guard stat(path, &found) == 0 else { throw Fault(path: path, problem: "can't be read: \(String(cString: strerror(errno)))") }
        if let kind = SmallFile.otherKind(found.st_mode) { throw Fault(path: path, problem: "\(SmallFile.Fault.notRegular(kind))") }
        #if os(Linux)
            let changed = found.st_mtim
        #else
            let changed = found.st_mtimespec
        #endif
        let stamp = Stamp(
            seconds: Int(changed.tv_sec), nanoseconds: Int(changed.tv_nsec), bytes: Int64(found.st_size), inode: UInt64(found.st_ino),
            mode: UInt32(found.st_mode))
        return (stamp, found.st_mode)
    }

    private static func read(_ path: String) throws(Fault) -> [UInt8] {
        do throws(SmallFile.Fault) { return try SmallFile.read(path, limitBytes: bytesMost) } catch {
            throw Fault(path: path, problem: "\(error)")
        }
    }
}
