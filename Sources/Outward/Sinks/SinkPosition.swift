import Domain
import Foundation
import Machine

// Up to where did a sink get the log?
//
// A small file beside the log, replaced as a whole. It may be behind what was delivered and is never ahead: what is sent twice
// after a crash has the same source and id. One of another log counts for nothing.

package struct SinkPosition: Hashable, Sendable {
    let path: String
    let logID: String

    private static let bytesMost = 1_024

    package init(log path: String, logID: String, name: String) {
        self.path = "\(path)-sink-\(name)"
        self.logID = logID
    }

    /// Of the traces, which no sink's name can be.
    static func traces(log path: String, logID: String) -> SinkPosition { SinkPosition(path: "\(path)-traces", logID: logID) }

    private init(path: String, logID: String) {
        self.path = path
        self.logID = logID
    }

    enum Found: Hashable {
        case none
        case position(Position)
        /// Of another log, or unreadable: a clause that says which.
        case unusable(String)
    }

    func read() -> Found {
        let bytes: [UInt8]
        do throws(SmallFile.Fault) { bytes = try SmallFile.read(path, limitBytes: Self.bytesMost) } catch {
            if case .unopened(let number) = error, number == ENOENT { return .none }
            return .unusable("\(error)")
        }
        guard let value = try? JSONValue(parsing: bytes), let position = value["seq"].integer, position >= 0 else {
            return .unusable("holds no position")
        }
        guard value["log"].string == logID else { return .unusable("is of another log") }
        return .position(position)
    }

    /// Replaces the file, synced: after a power cut it holds this position or the one before.
    func write(_ position: Position) throws {
        var json = JSONWriter()
        json.openObject()
        json.member("log", logID)
        json.member("seq", position)
        json.closeObject()
        let next = "\(path).new"
        guard FileManager.default.createFile(atPath: next, contents: nil, attributes: [.posixPermissions: 0o600]) else {
            throw CocoaError(.fileWriteUnknown)
        }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: next))
        do {
            try handle.write(contentsOf: Data(json.bytes))
            try handle.synchronize()
            try handle.close()
        } catch {
            try? handle.close()
            throw error
        }
        guard rename(next, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
