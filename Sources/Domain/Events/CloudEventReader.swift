import Basics

// Is this a CloudEvent of ours, and what does it say?
//
// One pass over the JSON of an event (CloudEvents 1.0, structured or binary mode) into an `EventBatch`. Everything that can
// be wrong is found here, before anything is appended: the answer is either a checked event or an `EventFault` that names
// the field and what to do. What is not ours to know (other members of `data`, extension attributes) is kept as it came.

/// What is wrong with an event from outside.
package struct EventFault: Error, Hashable, Sendable {
    /// Which event of the request, from 0.
    package var index: Int
    /// The attribute or `data.` member; nil where the JSON itself is broken.
    package var field: String?
    /// What is wrong and what to do, in a sentence.
    package var problem: String

    package init(index: Int, field: String?, problem: String) {
        self.index = index
        self.field = field
        self.problem = problem
    }
}

package struct CloudEventReader {
    /// Whether kinds that only Greenroom writes are let through: for importing its own log.
    private let acceptsOwnKinds: Bool
    /// What is in a log was taken by the rules of its time: bounds that came later aren't held against it.
    private var isImport: Bool { acceptsOwnKinds }
    /// Whether names are as a log holds them, and nothing is to be made of what stands beside them: for importing an export.
    package var isExact = false
    package private(set) var batch = EventBatch()

    package init(acceptsOwnKinds: Bool = false) { self.acceptsOwnKinds = acceptsOwnKinds }

    /// Forgets what was read so far.
    package mutating func takeBatch() -> EventBatch {
        defer { batch = EventBatch() }
        return batch
    }

    /// One event in structured mode. Nothing may follow it but space. A fault leaves what was read before as it was.
    package mutating func readEvent(_ bytes: UnsafeBufferPointer<UInt8>) throws(EventFault) {
        var cursor = JSONCursor(bytes)
        let (events, stored) = (batch.count, batch.bytes.count)
        do throws(EventFault) {
            try readObject(&cursor)
            try expectEnd(&cursor)
        } catch {
            batch.events.removeSubrange(events...)
            batch.bytes.removeSubrange(stored...)
            throw error
        }
    }

    /// A JSON array of events.
    package mutating func readBatch(_ bytes: UnsafeBufferPointer<UInt8>) throws(EventFault) {
        var cursor = JSONCursor(bytes)
        let index = batch.count
        batch.bytes.reserveCapacity(batch.bytes.count + bytes.count)
        guard cursor.take(UInt8(ascii: "[")) else {
            throw EventFault(index: index, field: nil, problem: "a batch is a JSON array of events; this doesn't begin with [")
        }
        if !cursor.take(UInt8(ascii: "]")) {
            var more = true
            while more {
                try readObject(&cursor)
                guard batch.count <= EventLimits.eventsPerBatch else {
                    throw EventFault(
                        index: batch.count - 1, field: nil,
                        problem: "more than \(EventLimits.eventsPerBatch) events in one request: send them in several")
                }
                do throws(JSONFault) { more = try cursor.takeSeparator(orEnd: UInt8(ascii: "]")) } catch { throw broken(error) }
            }
        }
        try expectEnd(&cursor)
    }

    /// An event in binary mode: its attributes apart from its data.
    ///
    /// - Parameter attributes: names without `ce-`, lower case, and their values, percent-decoded.
    package mutating func readBinary(attributes: [(name: String, value: String)], data: UnsafeBufferPointer<UInt8>) throws(EventFault) {
        var json = JSONWriter(reservingBytes: 256 + data.count)
        json.openObject()
        // Data is the body alone: no header stands in for it.
        for attribute in attributes where attribute.name != "data" && attribute.name != "data_base64" {
            json.member(attribute.name, attribute.value)
        }
        if !data.isEmpty {
            let range = try wholeValue(data, "data").range
            json.key("data")
            json.raw(UnsafeBufferPointer(rebasing: data[range.lower..<range.upper]))
        }
        json.closeObject()
        let text = json.bytes
        let result = text.withUnsafeBufferPointer { buffer -> EventFault? in
            do throws(EventFault) { try readEvent(buffer); return nil } catch { return error }
        }
        if let result { throw result }
    }

    // MARK: - One event

    private struct Attributes {
        var specversion: JSONCursor.Value?
        var type: JSONCursor.Value?
        var source: JSONCursor.Value?
        var id: JSONCursor.Value?
        var subject: JSONCursor.Value?
        var time: JSONCursor.Value?
        var data: JSONCursor.Value?
        var base64: JSONCursor.Value?
        var contentType: JSONCursor.Value?
        var extensions: [(key: JSONCursor.Value, value: JSONCursor.Value)] = []
    }

    private mutating func readObject(_ cursor: inout JSONCursor) throws(EventFault) {
        var found = Attributes()
        var twice: JSONCursor.Value?
        let bytes = cursor.bytes
        let start = cursor.index
        do throws(JSONFault) {
            try cursor.expect(UInt8(ascii: "{"), "an event, which is a JSON object")
            if !cursor.take(UInt8(ascii: "}")) {
                repeat {
                    let key = try cursor.key()
                    let value = try cursor.value()
                    if !note(key, value, bytes, &found) { twice = twice ?? key }
                } while try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
            }
        } catch { throw broken(error) }
        guard cursor.index - start <= EventLimits.eventBytes else {
            throw fault(nil, "the event has \(cursor.index - start) bytes; at most \(EventLimits.eventBytes) are taken")
        }
        if let twice { throw repeated(EventBody.Key(bytes: bytes, value: twice).text) }
        try store(found, bytes)
    }

    /// Files a member under its attribute; false where that attribute was there already.
    private func note(_ key: JSONCursor.Value, _ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>, _ found: inout Attributes)
        -> Bool
    {
        func put(_ slot: inout JSONCursor.Value?) -> Bool {
            defer { slot = value }
            return slot == nil
        }
        let name = EventBody.Key(bytes: bytes, value: key)
        switch key.hasEscapes ? name.text.utf8.count : Int(key.content.count) {
        case 2 where name == "id": return put(&found.id)
        case 4 where name == "type": return put(&found.type)
        case 4 where name == "data": return put(&found.data)
        case 4 where name == "time": return put(&found.time)
        case 6 where name == "source": return put(&found.source)
        case 7 where name == "subject": return put(&found.subject)
        case 11 where name == "specversion": return put(&found.specversion)
        case 11 where name == "data_base64": return put(&found.base64)
        case 15 where name == "datacontenttype": return put(&found.contentType)
        default:
            // One beyond the limit is enough to refuse them all.
            if found.extensions.count <= EventLimits.extensionAttributes { found.extensions.append((key, value)) }
            return true
        }
    }

    private mutating func store(_ found: Attributes, _ bytes: UnsafeBufferPointer<UInt8>) throws(EventFault) {
        let source = try attribute("source", found.source, bytes, limit: EventLimits.nameBytes)
        if !acceptsOwnKinds { try refuseReserved(source) }
        let id = try attribute("id", found.id, bytes, limit: EventLimits.idBytes)
        let version = try attribute("specversion", found.specversion, bytes, limit: 16)
        guard batch.bytes[version.lower..<version.upper].elementsEqual("1.0".utf8) else {
            throw fault("specversion", "\"\(batch.text(version))\" is not supported: send CloudEvents 1.0")
        }
        let kind = try kind(found.type, bytes)
        var event = DraftEvent(kind: kind, source: source, id: id, subject: .empty)
        try checkContentType(found.contentType, bytes)
        try storeTime(found.time, bytes, &event)
        try storeData(found, bytes, &event)
        try storeSubject(found.subject, bytes, &event)
        try storeExtensions(found.extensions, bytes, &event)
        if isExact { event.names = .stored }
        batch.events.append(event)
    }

    private func refuseReserved(_ source: ByteRange) throws(EventFault) {
        let isReserved = batch.bytes.withUnsafeBufferPointer {
            ReservedSource.contains(UnsafeBufferPointer(rebasing: $0[source.lower..<source.upper]))
        }
        guard !isReserved else {
            throw fault("source", "\(batch.text(source)) is Greenroom's own: name the producer, such as /agents/chat")
        }
    }

    private mutating func attribute(_ name: String, _ value: JSONCursor.Value?, _ bytes: UnsafeBufferPointer<UInt8>, limit: Int)
        throws(EventFault) -> ByteRange
    {
        guard let value, value.kind != .null else { throw fault(name, "missing: every event needs \(name)") }
        return try storeString(name, value, bytes, limit: limit)
    }

    private mutating func storeString(_ name: String, _ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>, limit: Int)
        throws(EventFault) -> ByteRange
    {
        guard value.kind == .string else { throw fault(name, "must be a string, not \(article(value.kind))") }
        let range: ByteRange
        if value.hasEscapes {
            let start = batch.bytes.count
            JSONText.appendUnescaped(bytes, value.content, to: &batch.bytes)
            range = ByteRange(start: start, count: batch.bytes.count - start)
        } else {
            range = batch.store(UnsafeBufferPointer(rebasing: bytes[value.content.lower..<value.content.upper]))
        }
        guard !range.isEmpty else { throw fault(name, "must not be empty") }
        guard range.count <= limit else { throw fault(name, "has \(range.count) bytes; at most \(limit) are taken") }
        guard !batch.bytes[range.lower..<range.upper].contains(0) else { throw fault(name, Self.nulProblem) }
        return range
    }

    private func kind(_ value: JSONCursor.Value?, _ bytes: UnsafeBufferPointer<UInt8>) throws(EventFault) -> EventKind {
        guard let value, value.kind != .null else { throw fault("type", "missing: every event needs type") }
        guard value.kind == .string else { throw fault("type", "must be a string, not \(article(value.kind))") }
        guard let kind = known(value, bytes) else {
            let text = EventBody.Key(bytes: bytes, value: value).text
            throw fault(
                "type",
                "unknown kind \"\(String(text.prefix(128)))\": the types are \(EventKind.typePrefix) and one of \(Self.kindsOfProducers)")
        }
        if kind.isOurs, !acceptsOwnKinds { throw fault("type", "\(kind.name) is written by Greenroom alone and can't be sent") }
        return kind
    }

    @inline(__always)
    private func known(_ type: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>) -> EventKind? {
        let prefix = EventKind.typePrefix
        guard !type.hasEscapes else {
            let text = EventBody.Key(bytes: bytes, value: type).text
            return text.hasPrefix(prefix) ? EventKind(name: String(text.dropFirst(prefix.count))) : nil
        }
        let named = UnsafeBufferPointer(rebasing: bytes[type.content.lower..<type.content.upper])
        guard named.count > prefix.utf8.count, named.prefix(prefix.utf8.count).elementsEqual(prefix.utf8) else { return nil }
        let rest = UnsafeBufferPointer(rebasing: named[prefix.utf8.count...])
        return EventKind.byNameBytes.first { $0.name.count == rest.count && $0.name.elementsEqual(rest) }?.kind
    }

    private static let kindsOfProducers = EventKind.allCases.filter { !$0.isOurs }.map(\.name).joined(separator: ", ")

    private func checkContentType(_ value: JSONCursor.Value?, _ bytes: UnsafeBufferPointer<UInt8>) throws(EventFault) {
        guard let value, value.kind != .null else { return }
        // What most SDKs write needs no second look.
        if EventBody(bytes, .empty).withText(value, { $0.elementsEqual("application/json".utf8) }) == true { return }
        guard let text = EventBody(bytes, .empty).text(value) else {
            throw fault("datacontenttype", "must be a string, not \(article(value.kind))")
        }
        if let problem = DataContentType(text).problem { throw fault("datacontenttype", problem) }
    }

    private mutating func storeTime(_ value: JSONCursor.Value?, _ bytes: UnsafeBufferPointer<UInt8>, _ event: inout DraftEvent)
        throws(EventFault)
    {
        guard let value, value.kind != .null else { return }
        guard value.kind == .string, let time = EventBody(bytes, .empty).time(value) else {
            throw fault("time", "must be an RFC 3339 time such as 2026-11-21T07:32:00Z")
        }
        event.time = time
    }

    private mutating func storeSubject(_ value: JSONCursor.Value?, _ bytes: UnsafeBufferPointer<UInt8>, _ event: inout DraftEvent)
        throws(EventFault)
    {
        if let value, value.kind != .null {
            event.subject = try storeString("subject", value, bytes, limit: nameLimit)
            if event.kind.subject == .pool { event.subject = inFull(event.subject) }
        } else if event.kind.subject == .pool, !event.pool.isEmpty {
            event.subject = event.pool
        } else {
            throw fault("subject", "missing: \(event.kind.name) is about \(article(event.kind.subject)); its name goes there")
        }
    }

    /// A pool is NAMESPACE/NAME; without a namespace it is in `default`. A log that is made again keeps what it had.
    private mutating func inFull(_ pool: ByteRange) -> ByteRange {
        guard !isImport, !batch.bytes[pool.lower..<pool.upper].contains(QualifiedName.slash) else { return pool }
        let name = Array(batch.bytes[pool.lower..<pool.upper])
        return batch.store(Self.defaultNamespace + name)
    }

    private static let defaultNamespace = Array("\(QualifiedName.defaultNamespace)/".utf8)

    private mutating func storeExtensions(
        _ extensions: [(key: JSONCursor.Value, value: JSONCursor.Value)], _ bytes: UnsafeBufferPointer<UInt8>, _ event: inout DraftEvent
    ) throws(EventFault) {
        var namespace: JSONCursor.Value?
        let start = batch.bytes.count
        guard extensions.count <= EventLimits.extensionAttributes else {
            throw fault(nil, "more than \(EventLimits.extensionAttributes) extension attributes: put what belongs to the event into data")
        }
        for (k, (key, value)) in extensions.enumerated() {
            let name = EventBody.Key(bytes: bytes, value: key).text
            if extensions[..<k].contains(where: { EventBody.Key(bytes: bytes, value: $0.key).equals(name) }) { throw repeated(name) }
            if value.kind == .null { continue }
            guard !name.isEmpty, name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }) else {
                throw fault(String(name.prefix(128)), "is no attribute's name: CloudEvents allows lower-case letters and digits")
            }
            guard value.kind != .object, value.kind != .array else { throw fault(name, "must be a string, a number or a boolean") }
            if name == "sequence" { try checkSequence(value, bytes) }
            if name == "namespace", event.kind.isNamespaced, !isExact {
                namespace = value
                continue
            }
            if Self.notes.contains(name) {
                guard acceptsOwnKinds else { throw fault(name, "is set by Greenroom: leave it out") }
                if !isExact { continue }
            }
            if Self.ownAttributes.contains(name) {
                // Importing a log: its own position and time are not the producer's attributes. From a producer they would
                // stand beside ours when the event is written.
                guard acceptsOwnKinds else { throw fault(name, "is set by Greenroom: leave it out") }
                continue
            }
            appendMember(key, value, bytes, isFirst: batch.bytes.count == start)
        }
        if batch.bytes.count > start {
            batch.bytes.append(UInt8(ascii: "}"))
            event.extensions = ByteRange(start: start, count: batch.bytes.count - start)
        }
        if let namespace { try putSubject(in: namespace, bytes, &event) }
    }

    /// What the writer adds to an event of the log.
    private static let ownAttributes: Set<String> = ["seq", "at", "commit", "superseded"]
    /// What the log keeps of an event besides what came.
    private static let notes: Set<String> = [CloudEventWriter.Note.ambiguous, CloudEventWriter.Note.workerNamespace]

    private var nameLimit: Int { isExact ? EventLimits.qualifiedNameBytes : EventLimits.nameBytes }

    /// As events are read from the log, so they may be sent: the name, and its namespace beside it.
    private mutating func putSubject(in namespace: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>, _ event: inout DraftEvent)
        throws(EventFault)
    {
        let range = try storeString("namespace", namespace, bytes, limit: EventLimits.nameBytes)
        guard !batch.bytes[range.lower..<range.upper].contains(QualifiedName.slash) else {
            throw fault("namespace", "must not contain a slash")
        }
        let prefix = batch.bytes[range.lower..<range.upper] + [QualifiedName.slash]
        let subject = Array(batch.bytes[event.subject.lower..<event.subject.upper])
        guard !subject.starts(with: prefix) else { return }
        guard prefix.count + subject.count <= EventLimits.nameBytes else {
            throw fault(
                "subject", "has \(prefix.count + subject.count) bytes with its namespace; at most \(EventLimits.nameBytes) are taken")
        }
        event.subject = batch.store(prefix + subject)
    }

    /// The extension of that name: a text that rises in its order, such as a number's digits. Nothing here depends on it.
    private func checkSequence(_ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>) throws(EventFault) {
        let isFit = value.kind == .string ? !value.content.isEmpty : JSONText.integer(bytes, value.range) != nil
        guard isFit else { throw fault("sequence", "must be a text that is not empty, or a whole number") }
    }

    // MARK: - Data

    private mutating func storeData(_ found: Attributes, _ bytes: UnsafeBufferPointer<UInt8>, _ event: inout DraftEvent) throws(EventFault)
    {
        guard let base64 = found.base64, base64.kind != .null else { return try storeData(found.data, bytes, &event) }
        if let data = found.data, data.kind != .null { throw fault("data_base64", "is there beside data: send one of the two") }
        let text = EventBody(bytes, .empty).withText(base64) { Base64.decode($0) }
        guard let json = text ?? nil else { throw fault("data_base64", "must be the data in Base64, as RFC 4648 has it") }
        let result = json.withUnsafeBufferPointer { buffer -> EventFault? in
            do throws(EventFault) {
                try storeData(buffer.isEmpty ? nil : try wholeValue(buffer, "data_base64"), buffer, &event)
                return nil
            } catch { return error }
        }
        if let result { throw result }
    }

    /// The one JSON value that a text holds.
    private func wholeValue(_ bytes: UnsafeBufferPointer<UInt8>, _ field: String) throws(EventFault) -> JSONCursor.Value {
        do throws(JSONFault) {
            var cursor = JSONCursor(bytes)
            let value = try cursor.value()
            cursor.skipSpace()
            if !cursor.atEnd { throw cursor.fault("something follows the value") }
            return value
        } catch {
            throw fault(field, "\(field == "data" ? "the body" : "what it holds") is not JSON at byte \(error.offset): \(error.problem)")
        }
    }

    private mutating func storeData(_ value: JSONCursor.Value?, _ bytes: UnsafeBufferPointer<UInt8>, _ event: inout DraftEvent)
        throws(EventFault)
    {
        let shape = event.kind.shape
        var seen: UInt64 = 0
        if let value, value.kind != .null {
            guard value.kind == .object else { throw fault("data", "must be a JSON object, not \(article(value.kind))") }
            try storeMembers(of: value, bytes, shape, &event, &seen)
        }
        for (k, field) in shape.fields.enumerated() where field.isRequired && seen & (1 << UInt64(k)) == 0 {
            throw fault("data.\(field.name)", "missing: \(shape.name) needs it")
        }
    }

    private mutating func storeMembers(
        of data: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>, _ shape: EventKind.Shape, _ event: inout DraftEvent,
        _ seen: inout UInt64
    ) throws(EventFault) {
        var cursor = JSONCursor(UnsafeBufferPointer(rebasing: bytes[..<data.range.upper]), from: data.range.lower + 1)
        guard !cursor.take(UInt8(ascii: "}")) else { return }
        var kept: [(key: JSONCursor.Value, value: JSONCursor.Value)] = []
        var more = true
        while more {
            let key: JSONCursor.Value
            let value: JSONCursor.Value
            do throws(JSONFault) {
                key = try cursor.key()
                value = try cursor.value()
                more = try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
            } catch { throw broken(error) }
            try storeMember(key, value, bytes, shape, &event, &seen, &kept)
        }
        guard !kept.isEmpty else { return }
        let start = batch.bytes.count
        for (key, value) in kept { appendMember(key, value, bytes, isFirst: batch.bytes.count == start) }
        batch.bytes.append(UInt8(ascii: "}"))
        event.body = ByteRange(start: start, count: batch.bytes.count - start)
    }

    @inline(__always)
    private mutating func storeMember(
        _ key: JSONCursor.Value, _ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>, _ shape: EventKind.Shape,
        _ event: inout DraftEvent, _ seen: inout UInt64, _ kept: inout [(key: JSONCursor.Value, value: JSONCursor.Value)]
    ) throws(EventFault) {
        let name = EventBody.Key(bytes: bytes, value: key)
        guard let k = shape.fields.firstIndex(where: { name.equals($0.name) }) else {
            kept.append((key, value))
            return
        }
        let field = shape.fields[k]
        guard seen & (1 << UInt64(k)) == 0 else { throw fault("data.\(field.name)", "given twice") }
        seen |= 1 << UInt64(k)
        if value.kind == .null, field.type != .numberOrNull {
            if field.isRequired { throw fault("data.\(field.name)", "must not be null") }
            kept.append((key, value))
            return
        }
        if shape.carriesPool, field.name == "pool" {
            event.pool = inFull(try storeString("data.pool", value, bytes, limit: EventLimits.nameBytes))
        } else if shape.carriesWorker, field.name == "worker" {
            event.worker = try storeString("data.worker", value, bytes, limit: nameLimit)
        } else {
            if !(isImport && field.isLater) { try check(field, value, bytes) }
            kept.append((key, value))
        }
    }

    private func check(_ field: EventKind.Field, _ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>) throws(EventFault) {
        func refuse(_ wanted: String) -> EventFault { fault("data.\(field.name)", "must be \(wanted), not \(article(value.kind))") }
        switch field.type {
        case .name:
            guard value.kind == .string else { throw refuse("a string") }
            if let problem = nameProblem(value, bytes) { throw fault("data.\(field.name)", problem) }
        case .text:
            guard value.kind == .string else { throw refuse("a string") }
            if field.isHandedOn, hasNUL(value, bytes) { throw fault("data.\(field.name)", Self.nulProblem) }
        case .bool: guard value.kind == .bool else { throw refuse("true or false") }
        case .object: guard value.kind == .object else { throw refuse("an object") }
        case .array: guard value.kind == .array else { throw refuse("an array") }
        case .number, .numberOrNull:
            guard value.kind == .number || (value.kind == .null && field.type == .numberOrNull) else { throw refuse("a number") }
            if value.kind == .number, JSONText.milli(bytes, value.range) == nil {
                throw fault("data.\(field.name)", "is too large: at most about 9.2e15 in magnitude")
            }
        case .integer:
            guard value.kind == .number else { throw refuse("a whole number") }
            guard JSONText.integer(bytes, value.range) != nil else {
                throw fault("data.\(field.name)", "must be a whole number of at most 63 bits")
            }
        case .count:
            guard value.kind == .number else { throw refuse("a whole number") }
            let most = isImport ? .max : field.most
            guard let count = JSONText.integer(bytes, value.range), (0...most).contains(count) else {
                throw fault(
                    "data.\(field.name)",
                    most == .max ? "must be a whole number, 0 or more, of at most 63 bits" : "must be a whole number from 0 to \(most)")
            }
        case .time:
            guard value.kind == .string, EventBody(bytes, .empty).time(value) != nil else {
                throw fault("data.\(field.name)", "must be an RFC 3339 time such as 2026-11-21T07:32:00Z")
            }
        case .stringMap:
            guard value.kind == .object else { throw refuse("an object of strings") }
            var (onlyStrings, nul) = (true, false)
            EventBody(bytes, value.range).forEachMember { key, member in
                onlyStrings = onlyStrings && member.kind == .string
                nul = nul || hasNUL(key.value, bytes) || (member.kind == .string && hasNUL(member, bytes))
            }
            guard onlyStrings else { throw fault("data.\(field.name)", "must hold strings only") }
            if nul { throw fault("data.\(field.name)", Self.nulProblem) }
        }
    }

    /// What is wrong with a name, as it reads once its escapes are resolved.
    @inline(__always)
    private func nameProblem(_ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        let count = value.hasEscapes ? EventBody(bytes, .empty).withText(value) { $0.count } ?? 0 : Int(value.content.count)
        if count == 0 { return "must not be empty" }
        if count > EventLimits.nameBytes { return "has \(count) bytes; at most \(EventLimits.nameBytes) are taken" }
        return hasNUL(value, bytes) ? Self.nulProblem : nil
    }

    /// A NUL can't be stored as text by SQLite's tools nor handed to a program, and no name needs one. In JSON it is an escape.
    private func hasNUL(_ string: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard string.hasEscapes, !isImport else { return false }
        return EventBody(bytes, .empty).withText(string) { $0.contains(0) } ?? false
    }

    private static let nulProblem = "must not contain a NUL character"

    @inline(__always)
    private mutating func appendMember(
        _ key: JSONCursor.Value, _ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>, isFirst: Bool
    ) {
        batch.bytes.append(isFirst ? UInt8(ascii: "{") : UInt8(ascii: ","))
        batch.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[key.range.lower..<key.range.upper]))
        batch.bytes.append(UInt8(ascii: ":"))
        batch.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[value.range.lower..<value.range.upper]))
    }

    // MARK: - Faults

    private func expectEnd(_ cursor: inout JSONCursor) throws(EventFault) {
        cursor.skipSpace()
        if !cursor.atEnd {
            throw EventFault(index: max(batch.count - 1, 0), field: nil, problem: "something follows the JSON at byte \(cursor.index)")
        }
    }

    private func fault(_ field: String?, _ problem: String) -> EventFault { EventFault(index: batch.count, field: field, problem: problem) }
    private func repeated(_ attribute: String) -> EventFault { fault(String(attribute.prefix(128)), "given twice") }
    private func broken(_ error: JSONFault) -> EventFault { fault(nil, "not JSON at byte \(error.offset): \(error.problem)") }

    private func article(_ kind: JSONCursor.Kind) -> String {
        switch kind {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .bool: "a boolean"
        case .null: "null"
        }
    }

    private func article(_ subject: EventKind.Subject) -> String {
        switch subject {
        case .actor: "an actor"
        case .worker: "a worker"
        case .pool: "a pool"
        case .node: "a node"
        case .service: "the service"
        case .holder: "an actor or a template"
        }
    }
}
