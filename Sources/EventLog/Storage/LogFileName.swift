// Which file is meant by this path, and can it be a log?
//
// SQLite follows a link to its end and names the write-ahead log after what it finds there. The lock and the head mark must
// stand beside the same file, or two processes write one log under two names. So a path is followed once, before anything is
// opened. Only the last name is followed: a folder that is a link leads both names to one place by itself. What isn't a
// regular file is refused before it is opened, since opening a pipe waits for who writes it.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

enum LogFileName {
    /// As many as the kernel follows.
    private static let linksMost = 40

    /// Where `path` leads: itself, or what it links to, there or not.
    static func resolved(_ path: String) throws(LogError) -> String {
        var path = path
        for _ in 0...linksMost {
            guard let target = target(of: path) else { return path }
            guard !target.hasPrefix("/"), let slash = path.lastIndex(of: "/") else {
                path = target
                continue
            }
            path = path[...slash] + target
        }
        throw LogError(.unreachable, operation: "open", path: path, problem: "links lead to it in a circle", hint: "name the file itself")
    }

    /// What the link at `path` says; nil where there is no link.
    private static func target(of path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    /// Refuses what no log can be. Nothing is there yet: that is no fault.
    static func requireFiles(at path: String) throws(LogError) {
        for part in LogFiles.Part.allCases {
            let file = path + part.rawValue
            var found = stat()
            guard stat(file, &found) == 0, let kind = otherKind(found.st_mode) else { continue }
            throw LogError(
                .unreachable, operation: "open", path: path, problem: "\(part == .database ? "it" : file) is \(kind)",
                hint: "a log is a regular file: name one, or a path where there is none yet")
        }
    }

    private static func otherKind(_ mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: "a directory"
        case S_IFIFO: "a named pipe"
        case S_IFSOCK: "a socket"
        default: "a device"
        }
    }
}
