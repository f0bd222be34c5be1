package import Domain

// Was this name an actor that is gone?
//
// Deleted actors leave the table; a late event about one must not bring it back. The names deleted last are remembered,
// up to a limit, the oldest forgotten first. An event later than that makes the actor anew.

package struct Tombstones: Hashable, Sendable {
    package static let limit = 65_536

    private var names: Set<NameID> = []
    /// In the order of deletion, a ring; a name created again leaves its place behind.
    private var order: [NameID] = []
    private var next = 0

    package init() {}

    package func contains(_ name: NameID) -> Bool { names.contains(name) }

    package mutating func add(_ name: NameID) {
        guard names.insert(name).inserted else { return }
        if order.count < Self.limit {
            order.append(name)
        } else {
            names.remove(order[next])
            order[next] = name
            next = (next + 1) % Self.limit
        }
    }

    package mutating func remove(_ name: NameID) { names.remove(name) }

    package func encode(into writer: inout ByteWriter) {
        writer.list(order) { writer, name in
            writer.integer(name.rawValue)
            writer.bool(names.contains(name))
        }
        writer.count(next)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        let entries = try reader.list(bytesEach: 5) { reader throws(ByteFault) in (NameID(try reader.integer()), try reader.bool()) }
        next = Int(try reader.integer(UInt32.self))
        guard entries.count <= Self.limit, next < max(entries.count, 1) else {
            throw ByteFault(offset: reader.offset, problem: "too many tombstones")
        }
        order = entries.map(\.0)
        names = Set(entries.filter(\.1).map(\.0))
    }
}
