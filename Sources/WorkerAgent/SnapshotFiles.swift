import Domain
import Glibc
import Machine

// Where did a turn's command leave its actor's snapshot?
//
// Each turn has a file of its own in one private folder. The command may write there: the snapshot's URI in the first line and, if it
// knows it, the size in bytes in the second.
//
// Always: what can't be read as that is a fault of the turn, which says what to write instead. At most `limitBytes` are read. A file is
// gone once its turn is over.

package struct SnapshotFiles: Sendable {
    /// The environment's name for the file of a turn.
    static let variable = "GREENROOM_SNAPSHOT_FILE"
    /// A URI and a number.
    private static let limitBytes = 4_096

    package struct SetupFault: Error, Hashable, Sendable, CustomStringConvertible {
        package var folder: String
        package var number: Int32
        package var description: String { "can't make a folder in \(folder): \(String(cString: strerror(number)))" }
    }

    let folder: String

    /// Makes a folder of its own for one worker.
    /// - Parameter parent: where it is made, such as `/tmp`.
    package init(in parent: String) throws(SetupFault) {
        var template = Array("\(parent)/greenroom-worker-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SetupFault(folder: parent, number: errno) }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the folder once no turn is left.
    package func remove() { rmdir(folder) }

    func path(of placement: Placement) -> String { "\(folder)/\(placement.seq)" }

    /// What the command of this turn wrote; nil if nothing.
    func read(_ placement: Placement) throws(TurnFault) -> TurnSnapshot? {
        let bytes: [UInt8]
        do throws(SmallFile.Fault) { bytes = try SmallFile.read(path(of: placement), limitBytes: Self.limitBytes) } catch {
            if case .unopened(ENOENT) = error { return nil }
            throw Self.fault("\(error)")
        }
        return try Self.parse(bytes)
    }

    func discard(_ placement: Placement) { unlink(path(of: placement)) }

    static func parse(_ bytes: [UInt8]) throws(TurnFault) -> TurnSnapshot? {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw fault("isn't UTF-8") }
        var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(trimmed)
        while lines.last?.isEmpty == true { lines.removeLast() }
        guard let uri = lines.first else { return nil }
        guard lines.count <= 2 else { throw fault("has \(lines.count) lines") }
        guard !uri.isEmpty else { throw fault("has no URI in its first line") }
        guard !uri.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { throw fault("has control characters") }
        guard lines.count == 2 else { return TurnSnapshot(uri: String(uri)) }
        guard let size = Int64(lines[1]), (0...EventLimits.snapshotBytes).contains(size) else {
            throw fault("has a second line that is no number of bytes from 0 to \(EventLimits.snapshotBytes)")
        }
        return TurnSnapshot(uri: String(uri), bytes: size)
    }

    private static func trimmed(_ line: Substring) -> Substring {
        var line = line
        while let last = line.last, last == " " || last == "\t" { line.removeLast() }
        return line.drop { $0 == " " || $0 == "\t" }
    }

    private static func fault(_ problem: String) -> TurnFault {
        TurnFault(
            reason: "the snapshot file \(problem): write the URI in its first line and, if it is known, the size in bytes in its second")
    }
}
