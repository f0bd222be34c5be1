// Is the log's file still the one at its path?
//
// A file that is moved or deleted while it is open can be written on, and what is written can't be found again. So the
// device and inode of the three files (the database, its write-ahead log, and that one's index) are noted at opening. Before each
// commit and after its sync they are compared with what lies at the paths: nothing is acknowledged that isn't at its path. Only `stat` is used: to open and close a file that SQLite has open would drop its locks.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

struct FileIdentity: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64

    /// Of what lies at `path`; nil where nothing does.
    init?(path: String) {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        device = UInt64(truncatingIfNeeded: found.st_dev)
        inode = UInt64(truncatingIfNeeded: found.st_ino)
    }
}

final class LogFiles: Sendable {
    enum Part: String, CaseIterable, Sendable {
        case database = "", wal = "-wal", index = "-shm"
    }

    enum Trouble: Hashable, Sendable {
        case gone(Part)
        case replaced(Part)

        var part: Part {
            switch self {
            case .gone(let part), .replaced(let part): part
            }
        }
    }

    private let path: String
    private let paths: [String]
    /// As they were when the log was opened; in the order of `Part.allCases`.
    private let opened: [FileIdentity?]

    /// To be made once SQLite has all three open. The database is looked for where it was named, which may be a link to `path`.
    init(path: String, givenPath: String) {
        self.path = path
        paths = Part.allCases.map { $0 == .database ? givenPath : path + $0.rawValue }
        opened = paths.map { FileIdentity(path: $0) }
    }

    /// What is wrong; nil where all are in their place.
    func trouble() -> Trouble? {
        for (k, part) in Part.allCases.enumerated() {
            guard let before = opened[k] else { continue }
            guard let now = FileIdentity(path: paths[k]) else { return .gone(part) }
            if now != before { return .replaced(part) }
        }
        return nil
    }

    func check() throws(LogError) {
        if let trouble = trouble() { throw error(trouble) }
    }

    func error(_ trouble: Trouble) -> LogError {
        let file = Part.allCases.firstIndex(of: trouble.part).map { paths[$0] } ?? path
        let problem =
            switch trouble {
            case .gone: "\(file) was moved or deleted while the log was open"
            case .replaced: "\(file) was replaced by another file while the log was open"
            }
        let hint =
            switch trouble.part {
            case .database:
                "move the log's file back with its -wal and -shm, and writing resumes; "
                    + "or stop this process and start it on a copy (until it ends, what it wrote can be read under /proc/\(getpid())/fd)"
            case .wal, .index:
                "stop this process with SIGTERM, which saves the file's content into \(path), and start it again; or move the file back, and writing resumes"
            }
        return LogError(.notWritable, operation: "append to", path: path, problem: problem, hint: hint)
    }
}
