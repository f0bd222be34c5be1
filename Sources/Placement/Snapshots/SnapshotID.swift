public import Domain

// Which snapshot is meant?
//
// A snapshot is named by a URI or a path that is written once, and every suspension writes a new one: the texts would fill
// memory. So it is known by a 64-bit hash of its text. Two texts with the same hash would make the model believe in a
// cached copy that isn't there: a slower restore, never a wrong one, as the worker is told the text itself.

public struct SnapshotID: Hashable, Comparable, MixedKey {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public init(_ text: UnsafeBufferPointer<UInt8>) { rawValue = ByteHash.of(text) }

    public init(_ text: String) {
        var copy = text
        self = copy.withUTF8 { SnapshotID($0) }
    }

    public var mixed: UInt64 { ByteHash.mix(rawValue) }

    public static func < (a: SnapshotID, b: SnapshotID) -> Bool { a.rawValue < b.rawValue }
}
