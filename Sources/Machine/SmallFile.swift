#if canImport(Glibc)
    package import Glibc
#elseif canImport(Musl)
    package import Musl
#else
    package import Darwin
#endif

// What is in this file, if it isn't absurdly large?
//
// Certificates, tokens, secrets, /proc: files that are read whole, again and again, and may be replaced at any moment. Never
// more bytes than the limit are read, and nothing of a file's contents is in a fault. Only regular files are read, so no read
// waits for a pipe's writer or a terminal, whatever a configuration or a policy names.

package enum SmallFile {
    package enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
        /// `errno` says why.
        case unopened(Int32)
        case unread(Int32)
        case tooLarge(limitBytes: Int)
        /// What it is instead of a file: `a directory`.
        case notRegular(String)

        package var description: String {
            switch self {
            case .unopened(let number): "can't be opened: \(String(cString: strerror(number)))"
            case .unread(let number): "can't be read: \(String(cString: strerror(number)))"
            case .tooLarge(let limitBytes): "has more than \(limitBytes) bytes"
            case .notRegular(let kind): "is \(kind), and only regular files are read: name a file"
            }
        }
    }

    private static let partBytes = 16_384

    /// The whole file.
    package static func read(_ path: String, limitBytes: Int) throws(Fault) -> [UInt8] {
        let bytes = try prefix(of: path, bytes: limitBytes + 1)
        guard bytes.count <= limitBytes else { throw .tooLarge(limitBytes: limitBytes) }
        return bytes
    }

    /// Its first bytes, at most so many.
    package static func prefix(of path: String, bytes most: Int) throws(Fault) -> [UInt8] {
        // Without O_NONBLOCK the call would wait for a pipe's writer.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { throw .unopened(errno) }
        defer { close(file) }
        var found = stat()
        guard fstat(file, &found) == 0 else { throw .unread(errno) }
        if let kind = otherKind(found.st_mode) { throw .notRegular(kind) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: min(partBytes, max(most, 1)))
        while bytes.count < most {
            let count = part.withUnsafeMutableBytes { readSome(file, $0) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unread(errno) }
            if count == 0 { break }
            bytes.append(contentsOf: part[..<min(count, most - bytes.count)])
        }
        return bytes
    }

    /// What a file of this mode is, where it isn't a regular one.
    package static func otherKind(_ mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: "a directory"
        case S_IFIFO: "a named pipe"
        case S_IFSOCK: "a socket"
        case S_IFCHR, S_IFBLK: "a device"
        default: "no file"
        }
    }

    private static func readSome(_ file: Int32, _ part: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.read(file, part.baseAddress, part.count)
        #elseif canImport(Musl)
            Musl.read(file, part.baseAddress, part.count)
        #else
            Darwin.read(file, part.baseAddress, part.count)
        #endif
    }
}
