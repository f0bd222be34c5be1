// What do an event's own fields say?
//
// An `EventBody` reads the members of a body (a JSON object that was checked when it came in) where they lie. It is the
// one way in which folded state learns what is not a column. A body that is empty has no members. One that is damaged (its
// file was) has those before the damage; whoever folds it asks `readMembers` whether that was all.

package struct EventBody {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let range: ByteRange

    package init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: ByteRange) {
        self.bytes = bytes
        self.range = range
    }

    package var isEmpty: Bool { range.isEmpty }

    /// Calls `visit` with each top-level member, in order.
    @inline(__always)
    package func forEachMember(_ visit: (Key, JSONCursor.Value) -> Void) { _ = readMembers(visit) }

    /// The same. False where the body is no JSON object up to its end.
    package func readMembers(_ visit: (Key, JSONCursor.Value) -> Void) -> Bool {
        guard !range.isEmpty else { return true }
        guard range.upper <= bytes.count else { return false }
        var cursor = JSONCursor(UnsafeBufferPointer(start: bytes.baseAddress, count: range.upper), from: range.lower)
        do throws(JSONFault) {
            guard cursor.take(UInt8(ascii: "{")) else { return false }
            if cursor.take(UInt8(ascii: "}")) { return true }
            repeat {
                let key = try cursor.key()
                let value = try cursor.value()
                visit(Key(bytes: bytes, value: key), value)
            } while try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
            return true
        } catch {
            return false
        }
    }

    package subscript(_ name: StaticString) -> JSONCursor.Value? {
        var found: JSONCursor.Value?
        forEachMember { key, value in if key == name { found = value } }
        return found
    }

    /// Calls `visit` with each object in an array, as a body of its own.
    package func forEachElement(of array: JSONCursor.Value, _ visit: (EventBody) -> Void) {
        guard array.kind == .array else { return }
        var cursor = JSONCursor(UnsafeBufferPointer(rebasing: bytes[..<array.range.upper]), from: array.range.lower + 1)
        do throws(JSONFault) {
            guard !cursor.take(UInt8(ascii: "]")) else { return }
            repeat {
                let value = try cursor.value()
                if value.kind == .object { visit(EventBody(bytes, value.range)) }
            } while try cursor.takeSeparator(orEnd: UInt8(ascii: "]"))
        } catch {
            // Every value that was handed out by a cursor is JSON all through: there is nothing to find here.
            return
        }
    }

    /// A member that is an object, as a body of its own.
    package func object(_ value: JSONCursor.Value) -> EventBody? { value.kind == .object ? EventBody(bytes, value.range) : nil }

    /// A value's own bytes.
    package func raw(_ value: JSONCursor.Value) -> [UInt8] { Array(bytes[value.range.lower..<value.range.upper]) }

    package func integer(_ value: JSONCursor.Value) -> Int64? {
        value.kind == .number ? JSONText.integer(bytes, value.range) : nil
    }

    package func bool(_ value: JSONCursor.Value) -> Bool { value.kind == .bool && bytes[Int(value.range.lower)] == UInt8(ascii: "t") }

    package func milli(_ value: JSONCursor.Value) -> Int64? {
        value.kind == .number ? JSONText.milli(bytes, value.range) : nil
    }

    package func text(_ value: JSONCursor.Value) -> String? {
        guard value.kind == .string else { return nil }
        guard value.hasEscapes else {
            return String(decoding: UnsafeBufferPointer(rebasing: bytes[value.content.lower..<value.content.upper]), as: UTF8.self)
        }
        var out: [UInt8] = []
        JSONText.appendUnescaped(bytes, value.content, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// What a string says, where it lies: for what is only compared or hashed. nil for anything else.
    package func withText<Result>(_ value: JSONCursor.Value, _ read: (UnsafeBufferPointer<UInt8>) -> Result) -> Result? {
        guard value.kind == .string else { return nil }
        guard value.hasEscapes else { return read(UnsafeBufferPointer(rebasing: bytes[value.content.lower..<value.content.upper])) }
        var out: [UInt8] = []
        JSONText.appendUnescaped(bytes, value.content, to: &out)
        return out.withUnsafeBufferPointer(read)
    }

    /// An RFC 3339 time in a string.
    package func time(_ value: JSONCursor.Value) -> LogTime? {
        guard value.kind == .string else { return nil }
        guard value.hasEscapes else {
            return LogTime(rfc3339: UnsafeBufferPointer(rebasing: bytes[value.content.lower..<value.content.upper]))
        }
        return text(value).flatMap { LogTime(rfc3339: $0) }
    }

    /// A map of strings to strings, sorted by key.
    package func stringMap(_ value: JSONCursor.Value) -> [(key: String, value: String)] {
        guard value.kind == .object else { return [] }
        var pairs: [(key: String, value: String)] = []
        EventBody(bytes, value.range).forEachMember { key, member in
            if let text = text(member) { pairs.append((key.text, text)) }
        }
        return pairs.sorted { $0.key < $1.key }
    }

    /// A member's name, compared where it lies. `"\u0069d"` is the name `id`.
    package struct Key {
        let bytes: UnsafeBufferPointer<UInt8>
        let value: JSONCursor.Value

        package var text: String { EventBody(bytes, .empty).text(value) ?? "" }

        @inline(__always)
        func equals(_ name: String) -> Bool {
            guard !value.hasEscapes else { return text.utf8.elementsEqual(name.utf8) }
            let content = value.content
            return name.utf8.count == Int(content.count)
                && name.utf8.elementsEqual(UnsafeBufferPointer(rebasing: bytes[content.lower..<content.upper]))
        }

        @inline(__always)
        package static func == (key: Key, name: StaticString) -> Bool {
            guard !key.value.hasEscapes else { return key.equals(name.description) }
            let content = key.value.content
            guard content.count == name.utf8CodeUnitCount else { return false }
            for k in 0..<Int(content.count) where key.bytes[content.lower + k] != name.utf8Start[k] { return false }
            return true
        }
    }
}

extension CommittedBatch {
    /// Runs `read` on the body of `event`, which must be of this batch.
    @inline(__always)
    package func withBody<Result>(of event: CommittedEvent, _ read: (EventBody) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { read(EventBody($0, event.body)) }
    }

    /// Whether its names fitted several actors or workers when it was written.
    package func isAmbiguous(_ event: CommittedEvent) -> Bool {
        guard event.extensions.count > 2 else { return false }
        return bytes.withUnsafeBufferPointer { EventBody($0, event.extensions)["ambiguous"]?.kind == .bool }
    }
}
