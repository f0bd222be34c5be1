// At which index of an array does this key's value lie?
//
// A hash table from keys to small numbers: open addressing, linear probing, at most half full, deletion by moving back what
// follows. Hashes are mixed numbers instead of the standard library's keyed ones: several times as fast, the same in every
// process, and its order never reaches an answer. Keys are numbers that the log handed out, and hashes of what trusted agents
// send.

@usableFromInline package protocol MixedKey: Equatable, Sendable {
    /// Well spread in its low bits.
    var mixed: UInt64 { get }
}

/// Positions, and indices of tables.
extension Int64: MixedKey {
    @inlinable package var mixed: UInt64 { ByteHash.mix(UInt64(bitPattern: self)) }
}

extension Int: MixedKey {
    @inlinable package var mixed: UInt64 { ByteHash.mix(UInt64(bitPattern: Int64(self))) }
}

@usableFromInline package struct SlotTable<Key: MixedKey>: Sendable {
    @usableFromInline struct Slot: Sendable {
        @usableFromInline var key: Key
        /// -1: vacant.
        @usableFromInline var value: Int32

        @inlinable init(key: Key, value: Int32) {
            self.key = key
            self.value = value
        }
    }

    @usableFromInline var slots: [Slot] = []
    @usableFromInline var used = 0

    @inlinable package init() {}

    @inlinable package var count: Int { used }
    @inlinable package var isEmpty: Bool { count == 0 }

    @inlinable package subscript(_ key: Key) -> Int? {
        guard count > 0 else { return nil }
        return slots.withUnsafeBufferPointer { slots in
            let mask = slots.count - 1
            var place = Int(truncatingIfNeeded: key.mixed) & mask
            while slots[place].value >= 0 {
                if slots[place].key == key { return Int(slots[place].value) }
                place = (place + 1) & mask
            }
            return nil
        }
    }

    @inlinable package mutating func set(_ key: Key, _ value: Int) {
        if (count + 1) * 2 > slots.count { grow(for: key) }
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: key.mixed) & mask
        while slots[place].value >= 0 {
            if slots[place].key == key {
                slots[place].value = Int32(value)
                return
            }
            place = (place + 1) & mask
        }
        slots[place] = Slot(key: key, value: Int32(value))
        used += 1
    }

    /// Answers the value that was there.
    @discardableResult
    @inlinable package mutating func remove(_ key: Key) -> Int? {
        guard count > 0 else { return nil }
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: key.mixed) & mask
        while slots[place].value >= 0, slots[place].key != key { place = (place + 1) & mask }
        guard slots[place].value >= 0 else { return nil }
        let value = Int(slots[place].value)
        used -= 1
        // Whoever stands behind the gap and could stand in it moves there.
        var gap = place
        place = (place + 1) & mask
        while slots[place].value >= 0 {
            let home = Int(truncatingIfNeeded: slots[place].key.mixed) & mask
            if (place - home) & mask >= (place - gap) & mask {
                slots[gap] = slots[place]
                gap = place
            }
            place = (place + 1) & mask
        }
        slots[gap].value = -1
        return value
    }

    /// In no order that means anything.
    @inlinable package func forEach(_ body: (Key, Int) -> Void) {
        for slot in slots where slot.value >= 0 { body(slot.key, Int(slot.value)) }
    }

    @inlinable mutating func grow(for key: Key) {
        let old = slots
        slots = [Slot](repeating: Slot(key: key, value: -1), count: max(16, old.count * 2))
        used = 0
        for slot in old where slot.value >= 0 { set(slot.key, Int(slot.value)) }
    }
}
