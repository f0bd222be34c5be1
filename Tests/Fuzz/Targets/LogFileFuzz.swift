import Domain
import EventLog
import Foundation

// Does the log refuse a damaged file, or read it, without a trap?
//
// The input is damage: six bytes each say where a byte of a sound log is changed, and how. A damaged file may be refused with a
// `LogError`, when it is opened, verified or read. The log must not crash over it. What is found sound, and can be read, must read as
// the log that was written.

enum LogFileFuzz {
    static func run(_ input: [UInt8]) throws {
        let sound = try Self.sound.get()
        var bytes = sound.bytes
        for damage in stride(from: 0, to: input.count - input.count % 6, by: 6) {
            let offset = input[damage..<(damage + 4)].reduce(0) { $0 << 8 | Int($1) } % bytes.count
            bytes[offset] = input[damage + 5] % 2 == 0 ? bytes[offset] ^ input[damage + 4] : input[damage + 4]
        }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-fuzz-\(getpid()).db").path
        defer { remove(path) }
        guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else { throw FuzzFinding("\(path) can't be written") }
        let report = try? EventLog.verify(path: path)
        let read = try? events(of: path)
        if let report, let read, report.isSound {
            try hold(report.lastHash == sound.lastHash, "found sound, its last hash is another")
            try hold(read == sound.events, "found sound, it has \(read) events, not \(sound.events)")
        }
    }

    private static func events(of path: String) throws -> Int {
        let log = try EventLog.openReadOnly(path: path)
        defer { log.close() }
        _ = try log.latestCheckpoint()
        var (count, position) = (0, Position(0))
        while let last = try log.read(after: position, limitEvents: 16).last {
            count += Int(last.lastSeq - position)
            position = last.lastSeq
        }
        return count
    }

    private static func remove(_ path: String) {
        for end in ["", "-wal", "-shm", "-head", ".lock"] { try? FileManager.default.removeItem(atPath: path + end) }
    }

    private struct Sound: Sendable {
        var bytes: [UInt8]
        var events: Int
        var lastHash: [UInt8]
    }

    private static let sound = Result { try makeSound() }

    private static func makeSound() throws -> Sound {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-fuzz-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("sound.db").path
        var configuration = EventLog.Configuration(path: path)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { LogTime(microseconds: 1_795_000_000_000_000) }
        let log = try EventLog.open(configuration)
        for k in 0..<12 {
            var batch = EventBatch()
            batch.append(
                .workerReady, source: "/w", id: "\(k)", subject: "w\(k % 4)", pool: "ns/p", body: Array(#"{"node":"n1","slots":2}"#.utf8))
            batch.append(
                .actorRequested, source: "/a", id: "5e0c9a1f-7c3d-4f0e-9c1b-0000000000\(10 + k)", subject: "a\(k)", pool: "ns/p",
                body: Array(#"{"priority":1}"#.utf8))
            batch.append(.actorRunning, source: "/a", id: "text-\(k)", subject: "a\(k)", worker: "w\(k % 4)")
            log.append(batch) { _ in }
        }
        try log.saveCheckpoint(seq: 36, at: LogTime(microseconds: 1_795_000_000_000_000), version: 1, body: Array("state".utf8))
        log.close()
        let report = try EventLog.verify(path: path)
        guard report.isSound, report.events == 36 else { throw FuzzFinding("the log to begin with isn't sound: \(report)") }
        return Sound(bytes: Array(try Data(contentsOf: URL(fileURLWithPath: path))), events: 36, lastHash: report.lastHash)
    }
}
