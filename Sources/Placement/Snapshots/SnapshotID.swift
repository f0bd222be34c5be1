import Domain
import Basics

// Which snapshot is meant?
//
// A snapshot is named by a URI or a path that is written once, and every suspension writes a new one: the texts would fill memory.
// So it is known by a 64-bit hash of its text. Two texts with the same hash would make the model believe in a cached copy that
// isn't there. That makes a restore slower, never wrong: the worker gets the text itself.

package struct SnapshotID: Hashable, Comparable, MixedKey {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package init(_ text: UnsafeBufferPointer<UInt8>) { rawValue = ByteHash.of(text) }

    package init(_ text: String) {
        var copy = text
        self = copy.withUTF8 { SnapshotID($0) }
    }

    package var mixed: UInt64 { ByteHash.mix(rawValue) }

    package static func < (a: SnapshotID, b: SnapshotID) -> Bool { a.rawValue < b.rawValue }
}
