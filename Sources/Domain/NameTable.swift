public import Basics

// Which small number stands for this name?
//
// The log writes each name once and refers to it by number ever after. A `NameTable` holds both directions: bytes of all
// names end to end, and an open-addressing hash table of their numbers. Numbers are handed out from 1 in order of first
// use and never change; 0 stands for "no name". About 20 bytes a name beside its text; nothing is allocated per name.

/// The number of a name in one log's dictionary.
@usableFromInline package struct NameID: Hashable, Comparable, Sendable {
    @usableFromInline package var rawValue: UInt32
    @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    @inlinable package static var none: NameID { NameID(0) }
    @inlinable package var isNone: Bool { rawValue == 0 }
    @inlinable package var index: Int { Int(rawValue) }
    @inlinable package static func < (a: NameID, b: NameID) -> Bool { a.rawValue < b.rawValue }
}

extension NameID: MixedKey {
    @inlinable package var mixed: UInt64 { ByteHash.mix(UInt64(rawValue)) }
}

package struct NameTable: Sendable {
    private var text: [UInt8] = []
    /// Where name n ends; `ends[0]` is 0, so name n lies at `ends[n-1]..<ends[n]`.
    private var ends: [UInt32] = [0]
    private var slots: [UInt32]
    private var mask: Int
    /// Names with a namespace before a slash, by what stands behind it; kept only where that was asked for.
    private var qualified: QualifiedNames?
    /// Stored, as it is asked for nearly every event and `qualified` would be copied.
    private var hasQualified = false

    /// Bytes of all names together; beyond it `intern` returns nil.
    package static let textLimitBytes = Int(UInt32.max)

    /// - Parameter findsQualified: whether `qualified(_:)` will be asked.
    package init(findsQualified: Bool = false) {
        slots = [UInt32](repeating: 0, count: 1024)
        mask = 1023
        qualified = findsQualified ? QualifiedNames() : nil
    }

    package var count: Int { ends.count - 1 }

    /// Whether as many bytes of names more, each of at least one byte, find room.
    @inline(__always)
    package func hasRoom(forBytes bytes: Int) -> Bool { text.count + bytes <= Self.textLimitBytes && count + bytes < Int(UInt32.max) - 1 }

    /// The number of `name`, new or old; nil where the table is full. `name` must not be empty.
    package mutating func intern(_ name: UnsafeBufferPointer<UInt8>) -> (id: NameID, isNew: Bool)? {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        var slot = Self.hash(name) & mask
        while slots[slot] != 0 {
            if matches(slots[slot], name) { return (NameID(slots[slot]), false) }
            slot = (slot + 1) & mask
        }
        guard text.count + name.count <= Self.textLimitBytes, count < Int(UInt32.max) - 1 else { return nil }
        text.append(contentsOf: name)
        ends.append(UInt32(text.count))
        slots[slot] = UInt32(count)
        noteQualified(NameID(UInt32(count)), name)
        return (NameID(UInt32(count)), true)
    }

    private mutating func noteQualified(_ id: NameID, _ name: UnsafeBufferPointer<UInt8>) {
        guard qualified != nil, let slash = QualifiedName.slash(in: name) else { return }
        hasQualified = true
        qualified?.insert(id, Self.hash(UnsafeBufferPointer(rebasing: name[(slash + 1)...])))
    }

    /// The names `NAMESPACE/name`, of whatever namespace, in order of first use.
    package func qualified(_ name: UnsafeBufferPointer<UInt8>) -> [NameID] {
        guard hasQualified, let qualified else { return [] }
        var found: [NameID] = []
        qualified.forEach(Self.hash(name)) { id in
            let isOne = withText(of: id) { text in
                let start = text.count - name.count
                return QualifiedName.slash(in: text) == start - 1 && text[start...].elementsEqual(name)
            }
            if isOne { found.append(id) }
        }
        return found.count > 1 ? found.sorted() : found
    }

    package func qualified(_ name: String) -> [NameID] {
        var copy = name
        return copy.withUTF8 { qualified($0) }
    }

    package mutating func intern(_ name: String) -> NameID? {
        var copy = name
        return copy.withUTF8 { intern($0)?.id }
    }

    package func find(_ name: UnsafeBufferPointer<UInt8>) -> NameID? {
        var slot = Self.hash(name) & mask
        while slots[slot] != 0 {
            if matches(slots[slot], name) { return NameID(slots[slot]) }
            slot = (slot + 1) & mask
        }
        return nil
    }

    package func find(_ name: String) -> NameID? {
        var copy = name
        return copy.withUTF8 { find($0) }
    }

    /// The name's text; empty for `none` and for numbers never handed out.
    package func text(of id: NameID) -> String {
        guard let range = range(of: id) else { return "" }
        return text.withUnsafeBufferPointer { String(decoding: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self) }
    }

    package func appendText(of id: NameID, to bytes: inout [UInt8]) {
        guard let range = range(of: id) else { return }
        text.withUnsafeBufferPointer { bytes.append(contentsOf: UnsafeBufferPointer(rebasing: $0[range])) }
    }

    package func withText<Result>(of id: NameID, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        let range = range(of: id) ?? 0..<0
        return try text.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[range])) }
    }

    /// Takes back the newest names, down to `count`: for a commit that did not happen.
    package mutating func truncate(to newCount: Int) {
        guard newCount < count else { return }
        ends.removeSubrange((newCount + 1)...)
        text.removeSubrange(Int(ends[newCount])...)
        rebuild(capacity: slots.count)
        rebuildQualified()
    }

    private func range(of id: NameID) -> Range<Int>? {
        guard !id.isNone, id.index <= count else { return nil }
        return Int(ends[id.index - 1])..<Int(ends[id.index])
    }

    private func matches(_ id: UInt32, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = Int(ends[Int(id) - 1])
        guard Int(ends[Int(id)]) - start == name.count else { return false }
        for k in 0..<name.count where text[start + k] != name[k] { return false }
        return true
    }

    private mutating func grow() { rebuild(capacity: slots.count * 2) }

    private mutating func rebuild(capacity: Int) {
        slots = [UInt32](repeating: 0, count: capacity)
        mask = capacity - 1
        guard count > 0 else { return }
        for id in 1...count {
            var slot = withText(of: NameID(UInt32(id))) { Self.hash($0) } & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(id)
        }
    }

    private mutating func rebuildQualified() {
        guard qualified != nil else { return }
        var rebuilt = QualifiedNames()
        for index in 0..<count {
            let id = NameID(UInt32(index + 1))
            withText(of: id) { text in
                guard let slash = QualifiedName.slash(in: text) else { return }
                rebuilt.insert(id, Self.hash(UnsafeBufferPointer(rebasing: text[(slash + 1)...])))
            }
        }
        hasQualified = !rebuilt.isEmpty
        qualified = rebuilt
    }

    private static func hash(_ name: UnsafeBufferPointer<UInt8>) -> Int { Int(truncatingIfNeeded: ByteHash.of(name) >> 1) }
}

/// Numbers of names by a hash of a part of their text, the newest of one hash first. About 24 bytes a name.
struct QualifiedNames: Sendable {
    private struct Entry: Sendable {
        var id: UInt32
        /// Index + 1 of the one before it with the same hash.
        var next: UInt32
    }

    private var newest = SlotTable<Int>()
    private var entries: [Entry] = []

    /// Looked at for one question, at most: a log may hold a million names that end alike.
    static let visitsLimit = 4_096

    var isEmpty: Bool { entries.isEmpty }

    mutating func insert(_ id: NameID, _ hash: Int) {
        entries.append(Entry(id: id.rawValue, next: UInt32(newest[hash].map { $0 + 1 } ?? 0)))
        newest.set(hash, entries.count - 1)
    }

    @inline(__always)
    func forEach(_ hash: Int, _ visit: (NameID) -> Void) {
        guard var index = newest[hash] else { return }
        for _ in 0..<Self.visitsLimit {
            visit(NameID(entries[index].id))
            guard entries[index].next > 0 else { return }
            index = Int(entries[index].next) - 1
        }
    }
}
