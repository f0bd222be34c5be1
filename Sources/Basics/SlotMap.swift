// What belongs to this key?
//
// A dictionary for keys that are small numbers: values lie in an array without gaps to speak of, found through a `SlotTable`.
// Several times as fast as the standard one. A value that was taken out stays in its place until another takes that over, so
// values should be small.

@usableFromInline package struct SlotMap<Key: MixedKey, Value: Sendable>: Sendable {
    @usableFromInline var table = SlotTable<Key>()
    @usableFromInline var values: [Value] = []
    @usableFromInline var vacant: [Int32] = []

    @inlinable package init() {}

    @inlinable package var count: Int { table.count }
    @inlinable package var isEmpty: Bool { table.isEmpty }

    /// nil takes it out.
    @inlinable package subscript(_ key: Key) -> Value? {
        get { table[key].map { values[$0] } }
        set {
            if let newValue { set(key, newValue) } else { remove(key) }
        }
    }

    /// Changes the value where it lies, if it is there.
    @inlinable package mutating func change(_ key: Key, _ change: (inout Value) -> Void) {
        if let place = table[key] { change(&values[place]) }
    }

    /// Answers the value that was there.
    @discardableResult
    @inlinable package mutating func set(_ key: Key, _ value: Value) -> Value? {
        guard let place = table[key] else {
            _ = add(key, value)
            return nil
        }
        let old = values[place]
        values[place] = value
        return old
    }

    /// Answers the value that was there.
    @discardableResult
    @inlinable package mutating func remove(_ key: Key) -> Value? {
        guard let place = table.remove(key) else { return nil }
        vacant.append(Int32(truncatingIfNeeded: place))
        return values[place]
    }

    /// In no order that means anything.
    @inlinable package func forEach(_ body: (Key, Value) -> Void) { table.forEach { key, place in body(key, values[place]) } }

    /// In no order that means anything.
    @inlinable package var keys: [Key] {
        var keys: [Key] = []
        keys.reserveCapacity(count)
        table.forEach { key, _ in keys.append(key) }
        return keys
    }

    @inlinable mutating func add(_ key: Key, _ value: Value) -> Int {
        let place: Int
        if let free = vacant.popLast() {
            place = Int(free)
            values[place] = value
        } else {
            place = values.count
            values.append(value)
        }
        table.set(key, place)
        return place
    }
}
