import SmallFiles
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
// The file is read when the server starts, where a fault ends the start, and again when it changes, where a fault keeps the
// tokens that were valid before and is told to the operator. It is looked at at most once a second, by the server's own
// watch and not by requests. What any user of the machine may read is no secret: such a file is refused.

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
    }

    private struct Stamp: Hashable {
        var seconds: Int
        var nanoseconds: Int
        var bytes: Int64
        var inode: UInt64
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

    /// Reads the file again where it changed; true where there are new tokens.
    func reloadIfChanged() throws(Fault) -> Bool {
        let (seen, _) = try Self.examine(path)
        guard state.withLock({ $0.stamp != seen }) else { return false }
        let (table, stamp) = try Self.load(path)
        state.withLock { $0 = State(table: table, stamp: stamp) }
        generationNumber.add(1, ordering: .releasing)
        return true
    }

    private static func load(_ path: String) throws(Fault) -> (TokenTable, Stamp) {
        let (stamp, mode) = try examine(path)
        guard mode & mode_t(S_IROTH | S_IWOTH) == 0 else {
            throw Fault(path: path, problem: "every user of this machine may read or change it: run chmod 600 \(path)")
        }
        guard stamp.bytes <= bytesMost else { throw Fault(path: path, problem: "has \(stamp.bytes) bytes; at most \(bytesMost) are taken") }
        let text = String(decoding: try read(path), as: UTF8.self)
        do throws(TokenTable.Fault) {
            return (try TokenTable(parsing: text), stamp)
        } catch {
            throw Fault(path: path, problem: "line \(error.line): \(error.problem)")
        }
    }

    private static func examine(_ path: String) throws(Fault) -> (Stamp, mode_t) {
        var found = stat()
        guard stat(path, &found) == 0 else { throw Fault(path: path, problem: "can't be read: \(String(cString: strerror(errno)))") }
        #if os(Linux)
        let changed = found.st_mtim
        #else
        let changed = found.st_mtimespec
        #endif
        let stamp = Stamp(seconds: Int(changed.tv_sec), nanoseconds: Int(changed.tv_nsec), bytes: Int64(found.st_size), inode: UInt64(found.st_ino))
        return (stamp, found.st_mode)
    }

    private static func read(_ path: String) throws(Fault) -> [UInt8] {
        do throws(SmallFile.Fault) { return try SmallFile.read(path, limitBytes: bytesMost) } catch {
            throw Fault(path: path, problem: "\(error)")
        }
    }
}
