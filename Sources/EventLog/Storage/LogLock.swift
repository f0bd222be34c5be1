// Who may write this log?
//
// One process, for as long as it has the log open. The lock is the operating system's: `flock` on a file beside the log, which also
// has the holder's pid for the message of a refusal. It goes with the process, however that ends. Child processes don't inherit it.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Synchronization

final class LogLock: Sendable {
    private let descriptor: Mutex<Int32>

    init(logPath: String) throws(LogError) {
        let path = logPath + ".lock"
        let opened = open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0o644)
        guard opened >= 0 else {
            throw LogError(
                .unreachable, operation: "open", path: logPath, problem: "\(path) can't be made: \(String(cString: strerror(errno)))",
                hint: "check that the directory is there and may be written")
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let holder = Self.holder(opened)
            close(opened)
            throw LogError(
                .locked(pid: holder), operation: "open", path: logPath,
                problem: "process \(holder.map(String.init) ?? "?") has it open for writing",
                hint: "stop that process, or open the log for reading only")
        }
        Self.writeHolder(opened)
        descriptor = Mutex(opened)
    }

    deinit { release() }

    func release() {
        descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return }
            close(descriptor)
            descriptor = -1
        }
    }

    /// Whether a process has the log open for writing.
    static func isHeld(logPath: String) -> Bool {
        let descriptor = open(logPath + ".lock", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }

    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self))
    }

    /// Only for the message to the next one: the lock holds without it.
    private static func writeHolder(_ descriptor: Int32) {
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(descriptor, 0) == 0 else { return }
        _ = pwrite(descriptor, text, text.count, 0)
    }
}
