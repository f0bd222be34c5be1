import Glibc
import Machine

// Which processes are there, and is this pid still the process it was?
//
// Read from /proc each time; nothing is cached. A pid alone says nothing, since the kernel hands it out again: an identity
// is a pid and the moment its process started. Other users' processes can't be read and are passed over.

/// A process, not just its number.
struct ProcessIdentity: Hashable, Sendable {
    var pid: Int32
    /// Clock ticks after boot (field 22 of /proc/PID/stat).
    var startTicks: UInt64
}

struct ProcessStatus: Hashable, Sendable {
    var identity: ProcessIdentity
    var parent: Int32
    /// The session's leader.
    var session: Int32
    /// `Z` and `X` are dead already, whoever still has to collect them.
    var state: UInt8

    var isAlive: Bool { state != UInt8(ascii: "Z") && state != UInt8(ascii: "X") }
}

enum ProcessTable {
    /// Bytes of an environment that are looked at; markers stand early in it or it isn't ours.
    static let environmentBytesLimit = 1 << 20

    static func status(of pid: Int32) -> ProcessStatus? {
        guard let bytes = readFile("/proc/\(pid)/stat", limit: 4_096) else { return nil }
        return parse(stat: bytes, pid: pid)
    }

    static func isAlive(_ identity: ProcessIdentity) -> Bool {
        guard let status = status(of: identity.pid), status.identity == identity else { return false }
        return status.isAlive
    }

    /// Sends a signal where the pid is still that process; answers whether it was.
    @discardableResult
    static func signal(_ identity: ProcessIdentity, _ signal: Int32) -> Bool {
        guard identity.pid > 1, isAlive(identity) else { return false }
        return kill(identity.pid, signal) == 0
    }

    /// All processes that are alive, in order of pid.
    static func all() -> [ProcessStatus] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var found: [ProcessStatus] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard let pid = Int32(name), let status = status(of: pid), status.isAlive else { continue }
            found.append(status)
        }
        return found.sorted { $0.identity.pid < $1.identity.pid }
    }

    /// The value of an environment variable as the process was started with it.
    static func environmentValue(_ name: String, of pid: Int32) -> String? {
        guard let bytes = readFile("/proc/\(pid)/environ", limit: environmentBytesLimit) else { return nil }
        let prefix = Array("\(name)=".utf8)
        for entry in bytes.split(separator: 0) where entry.starts(with: prefix) {
            return String(decoding: entry.dropFirst(prefix.count), as: UTF8.self)
        }
        return nil
    }

    /// `PID (COMM) STATE PPID PGRP SESSION … STARTTIME …`; COMM may hold anything, so fields count from the last `)`.
    static func parse(stat bytes: [UInt8], pid: Int32) -> ProcessStatus? {
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        guard fields.count > 19, let state = fields[0].utf8.first, let parent = Int32(fields[1]), let session = Int32(fields[3]),
            let start = UInt64(fields[19])
        else { return nil }
        return ProcessStatus(identity: ProcessIdentity(pid: pid, startTicks: start), parent: parent, session: session, state: state)
    }

    private static func readFile(_ path: String, limit: Int) -> [UInt8]? { try? SmallFile.prefix(of: path, bytes: limit) }
}
