import Foundation

// What is in this file, if it isn't absurdly large?

enum BoundedFile {
    static func read(_ path: String, limitBytes: Int = ConfigurationFile.limitBytes) throws(ClusterAccessFault) -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path) else { throw ClusterAccessFault(path, "can't be opened: check that it is there and may be read") }
        defer { try? file.close() }
        let data: Data?
        do { data = try file.read(upToCount: limitBytes + 1) } catch { throw ClusterAccessFault(path, "can't be read") }
        guard let data, !data.isEmpty else { throw ClusterAccessFault(path, "is empty") }
        guard data.count <= limitBytes else { throw ClusterAccessFault(path, "has more than \(limitBytes) bytes") }
        return Array(data)
    }

    static func text(_ path: String) throws(ClusterAccessFault) -> String {
        guard let text = String(validating: try read(path), as: UTF8.self) else { throw ClusterAccessFault(path, "is not UTF-8 text") }
        return text
    }
}
