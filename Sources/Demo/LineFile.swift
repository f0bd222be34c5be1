import Foundation
import Synchronization

/// A file that lines are appended to. What can't be written is lost: it is only for reading along.
final class LineFile: Sendable {
    private let handle: Mutex<FileHandle?>

    init(path: String) {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        handle = Mutex(FileHandle(forWritingAtPath: path))
    }

    func append(_ line: [UInt8]) { handle.withLock { try? $0?.write(contentsOf: Data(line)) } }
}
