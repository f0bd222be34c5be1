import Domain
import Foundation
import Testing

@testable import EventLog

#if canImport(Glibc)
    import Glibc
#endif

/// One file may have several names. It has one lock and one head mark.
@Suite("A log by another name", .timeLimit(.minutes(1)))
struct LinkedLogTests {
    enum Name: String, CaseIterable, Sendable {
        case link, relativeLink, linkToLink, linkedFolder, linkInLinkedFolder, dotted
    }

    let directory: TemporaryDirectory
    var path: String { directory.file("real/log.db") }

    init() throws {
        directory = try TemporaryDirectory()
        let files = FileManager.default
        try files.createDirectory(atPath: directory.file("real"), withIntermediateDirectories: true)
        try files.createDirectory(atPath: directory.file("links"), withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: directory.file("links/link.db"), withDestinationPath: path)
        try files.createSymbolicLink(atPath: directory.file("links/relative.db"), withDestinationPath: "../real/log.db")
        try files.createSymbolicLink(atPath: directory.file("links/again.db"), withDestinationPath: "relative.db")
        try files.createSymbolicLink(atPath: directory.file("folder"), withDestinationPath: "real")
        try files.createSymbolicLink(atPath: directory.file("linkfolder"), withDestinationPath: "links")
    }

    private func name(_ name: Name) -> String {
        switch name {
        case .link: directory.file("links/link.db")
        case .relativeLink: directory.file("links/relative.db")
        case .linkToLink: directory.file("links/again.db")
        case .linkedFolder: directory.file("folder/log.db")
        case .linkInLinkedFolder: directory.file("linkfolder/again.db")
        case .dotted: directory.file("links/../real/./log.db")
        }
    }

    @Test("by whichever name it is opened first, nobody else can write it", arguments: Name.allCases)
    func oneLock(_ kind: Name) throws {
        for (first, second) in [(path, name(kind)), (name(kind), path)] {
            // The first opening makes the file: the link leads nowhere yet.
            let log = try EventLog.open(.test(first))
            #expect { try EventLog.open(.test(second)) } throws: { error in
                if case .locked = (error as? LogError)?.reason { true } else { false }
            }
            log.close()
        }
    }

    @Test("what is lost is missed by every name", arguments: Name.allCases)
    func oneMark(_ kind: Name) throws {
        for (writing, reading) in [(path, name(kind)), (name(kind), path)] {
            let log = try EventLog.open(.test(writing))
            try log.appendNow(.one(UUID().uuidString))
            let head = log.head.seq
            #expect(try EventLog.loss(path: reading) == nil)
            log.close()
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            #expect(try EventLog.loss(path: reading)?.acknowledged == head)
            #expect(throws: LogError.self) { try EventLog.open(.test(reading)) }
            #expect(try EventLog.verify(path: reading).fault?.part == .lost)
            try FileManager.default.removeItem(atPath: path + "-head")
        }
    }

    @Test("it stands beside the file alone, and verifies by each name", arguments: Name.allCases)
    func besideTheFile(_ kind: Name) throws {
        let log = try EventLog.open(.test(name(kind)))
        for id in 1...5 { try log.appendNow(.one("\(id)")) }
        #expect(try EventLog.verify(path: name(kind)).isSound)
        log.close()
        #expect(
            try Set(FileManager.default.contentsOfDirectory(atPath: directory.file("links"))) == ["link.db", "relative.db", "again.db"])
        #expect(try EventLog.openReadOnly(path: name(kind)).head.seq == 5)
    }

    @Test("a link that is led elsewhere under the service is noticed: nothing is acknowledged that won't be found")
    func ledElsewhere() throws {
        let link = name(.link)
        let log = try EventLog.open(.test(link))
        try log.appendNow(.one("1"))
        try FileManager.default.removeItem(atPath: link)
        #expect(throws: AppendError.self) { try log.appendNow(.one("2")) }
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: directory.file("elsewhere.db"))
        #expect(throws: AppendError.self) { try log.appendNow(.one("2")) }
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        try log.appendNow(.one("2"))
        #expect(log.head.seq == 2)
    }

    @Test("links in a circle are refused in words")
    func circle() throws {
        try FileManager.default.createSymbolicLink(atPath: directory.file("a"), withDestinationPath: "b")
        try FileManager.default.createSymbolicLink(atPath: directory.file("b"), withDestinationPath: "a")
        #expect { try EventLog.open(.test(directory.file("a"))) } throws: { "\($0)".contains("links lead to it in a circle") }
    }

    @Test("a pipe, a directory or a device is refused before it is opened, which would wait for ever", arguments: ["", "-wal"])
    func notFiles(_ suffix: String) throws {
        if !suffix.isEmpty { try Data().write(to: URL(fileURLWithPath: path)) }
        let file = path + suffix
        mkfifo(file, 0o600)
        for open in [
            { _ = try EventLog.open(.test(path)) }, { _ = try EventLog.openReadOnly(path: path) }, { _ = try EventLog.verify(path: path) },
            { _ = try EventLog.loss(path: path) },
        ] {
            #expect { try open() } throws: { "\($0)".contains("is a named pipe; a log is a regular file") }
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.file("real")).sorted()
                == (suffix.isEmpty ? ["log.db"] : ["log.db", "log.db-wal"]))
        #expect { try EventLog.openReadOnly(path: "/dev/null") } throws: { "\($0)".contains("it is a device") }
        #expect { try EventLog.open(.test(directory.file("real"))) } throws: { "\($0)".contains("it is a directory") }
    }

    @Test("a pipe where the lock stands holds up nobody who only asks")
    func pipeAsLock() throws {
        let log = try EventLog.open(.test(path))
        try log.appendNow(.one("1"))
        log.close()
        try FileManager.default.removeItem(atPath: path + ".lock")
        mkfifo(path + ".lock", 0o600)
        #expect(try EventLog.verify(path: path).isSound)
    }
}
