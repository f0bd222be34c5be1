// What do these bytes say, if they are a message?
//
// Each length is held against what is left, each number against its bound, before it is used. Whatever isn't the one way of writing a
// message is refused: then equal messages are equal bytes, and an id or a time can't come back as another row than the leader's.

import Domain

extension ReplicaMessage {
    package init(_ bytes: [UInt8]) throws(ReplicaMessageFault) {
        guard bytes.count <= Self.bytesLimit else { throw .tooLarge(bytes: bytes.count, limit: Self.bytesLimit) }
        var reader = MessageReader(bytes)
        guard bytes.starts(with: ReplicaFormat.magic) else { throw .malformed(offset: 0, problem: "not a message of a log") }
        reader.offset = ReplicaFormat.magic.count
        let version = try reader.byte()
        guard version == ReplicaFormat.version else { throw .newer(what: "format \(version), where \(ReplicaFormat.version) is known") }
        let number = try reader.byte()
        guard let kind = ReplicaFormat.Kind(rawValue: number) else { throw .newer(what: "kind of message \(number)") }
        logID = try reader.raw(Self.logIDBytes)
        previous = try reader.raw(CommitHash.byteCount)
        switch kind {
        case .commit: content = .commit(try CommitContent(&reader))
        case .election:
            let session = try reader.fixed()
            content = .election(instance: try reader.instance(), session: session)
        case .heartbeat: content = .heartbeat(fence: try reader.number())
        case .resignation: content = .resignation(fence: try reader.number())
        }
        guard reader.isAtEnd else { throw reader.fault("there are bytes after its end") }
    }
}

extension CommitContent {
    fileprivate init(_ reader: inout MessageReader) throws(ReplicaMessageFault) {
        fence = try reader.number()
        link = try reader.raw(CommitHash.byteCount)
        let at = LogTime(microseconds: try reader.signed())
        let first = try reader.positive("its first position")
        namesBefore = UInt32(try reader.number(atMost: UInt64(UInt32.max), "its number of names"))
        let nameCount = try reader.count(bytesEach: ReplicaFormat.nameBytesLeast)
        guard nameCount <= UInt64(UInt32.max) - UInt64(namesBefore) else { throw reader.fault("it has more names than there are numbers") }
        newNames = []
        newNames.reserveCapacity(Int(nameCount))
        for _ in 0..<nameCount {
            let range = try reader.counted(atMost: ReplicaFormat.nameBytesLimit)
            guard !range.isEmpty else { throw reader.fault("a name is empty") }
            newNames.append(Array(reader.bytes[range]))
        }
        let rowCount = try reader.count(bytesEach: ReplicaFormat.rowBytesLeast)
        guard rowCount > 0 else { throw reader.fault("it has no events") }
        guard first <= Int64.max - Int64(rowCount) else { throw reader.fault("its positions are out of range") }
        var staged = StagedCommit(batch: CommittedBatch(at: at, events: [], bytes: []), firstSeq: first)
        staged.batch.events.reserveCapacity(Int(rowCount))
        staged.ids.reserveCapacity(Int(rowCount))
        // What a row points to lies in the message itself, but for the ids' texts, which are made.
        staged.batch.bytes = reader.bytes
        let lastName = UInt64(namesBefore) + nameCount
        for index in 0..<rowCount {
            try Self.readRow(first + Int64(index), lastName: lastName, at: at, &reader, &staged)
        }
        self.staged = staged
    }

    private static func readRow(
        _ seq: Position, lastName: UInt64, at: LogTime, _ reader: inout MessageReader, _ staged: inout StagedCommit
    ) throws(ReplicaMessageFault) {
        let number = try reader.byte()
        guard let kind = EventKind(rawValue: number) else { throw .newer(what: "kind of event \(number)") }
        let parts = ReplicaFormat.RowParts(rawValue: try reader.byte())
        let subject = try reader.name(upTo: lastName)
        let source = try reader.name(upTo: lastName)
        let pool = parts.contains(.pool) ? try reader.name(upTo: lastName) : .none
        let worker = parts.contains(.worker) ? try reader.name(upTo: lastName) : .none
        let (id, idRange) = try readID(parts, &reader, &staged)
        let time = parts.contains(.lag) ? try reader.time(before: at) : nil
        var previous: Position = 0
        if parts.contains(.previous) {
            let distance = try reader.positive("the distance to its subject's event before")
            guard distance < seq else { throw reader.fault("its subject's event before lies before the log's first") }
            previous = seq - distance
        }
        let body = parts.contains(.body) ? try reader.text("its data") : .empty
        let extensions = parts.contains(.extensions) ? try reader.text("its attributes") : .empty
        staged.ids.append(id)
        staged.batch.events.append(
            CommittedEvent(
                seq: seq, kind: kind, pool: pool, subject: subject, worker: worker, source: source, id: idRange, time: time, body: body,
                extensions: extensions, previous: previous))
    }

    /// The id, and where its text lies in the batch's bytes.
    private static func readID(
        _ parts: ReplicaFormat.RowParts, _ reader: inout MessageReader, _ staged: inout StagedCommit
    ) throws(ReplicaMessageFault) -> (StoredID, ByteRange) {
        guard let form = StoredID.Form(rawValue: parts.intersection(.idForm).rawValue) else { throw reader.fault("its id has no form") }
        let id: StoredID
        switch form {
        case .integer: id = StoredID(integer: Int64(try reader.number(atMost: UInt64(Int64.max), "its id")))
        case .uuid: id = StoredID(high: try reader.fixed(), low: try reader.fixed())
        case .text:
            let range = try reader.counted(atMost: EventLimits.idBytes)
            let place = ByteRange(start: range.lowerBound, count: range.count)
            let read = reader.bytes.withUnsafeBufferPointer { StoredID($0, place) }
            // A number or UUID as text would be another row than the same id's, and no duplicate of it.
            guard !range.isEmpty, read.form == .text else { throw reader.fault("its id isn't in its shortest form") }
            return (read, place)
        }
        let start = staged.batch.bytes.count
        id.appendText(from: UnsafeBufferPointer(start: nil, count: 0), to: &staged.batch.bytes)
        return (id, ByteRange(start: start, count: staged.batch.bytes.count - start))
    }
}

private struct MessageReader {
    let bytes: [UInt8]
    var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var remaining: Int { bytes.count - offset }
    var isAtEnd: Bool { remaining == 0 }

    func fault(_ problem: String) -> ReplicaMessageFault { .malformed(offset: offset, problem: problem) }

    mutating func byte() throws(ReplicaMessageFault) -> UInt8 {
        guard remaining > 0 else { throw fault("it ends early") }
        defer { offset += 1 }
        return bytes[offset]
    }

    mutating func range(_ count: Int) throws(ReplicaMessageFault) -> Range<Int> {
        guard count <= remaining else { throw fault("it ends early") }
        defer { offset += count }
        return offset..<(offset + count)
    }

    mutating func raw(_ count: Int) throws(ReplicaMessageFault) -> [UInt8] { Array(bytes[try range(count)]) }

    mutating func number() throws(ReplicaMessageFault) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            let digit = UInt64(next & 0x7F)
            guard shift < 63 || digit <= 1 else { throw fault("a number has more than 64 bits") }
            value |= digit << shift
            if next < 0x80 {
                guard next != 0 || shift == 0 else { throw fault("a number isn't in its shortest form") }
                return value
            }
            shift += 7
            guard shift <= 63 else { throw fault("a number has more than 64 bits") }
        }
    }

    mutating func number(atMost limit: UInt64, _ what: String) throws(ReplicaMessageFault) -> UInt64 {
        let value = try number()
        guard value <= limit else { throw fault("\(what) is \(value); at most \(limit) is possible") }
        return value
    }

    mutating func positive(_ what: String) throws(ReplicaMessageFault) -> Int64 {
        let value = try number(atMost: UInt64(Int64.max), what)
        guard value > 0 else { throw fault("\(what) is 0") }
        return Int64(value)
    }

    mutating func signed() throws(ReplicaMessageFault) -> Int64 {
        let value = try number()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    mutating func fixed() throws(ReplicaMessageFault) -> UInt64 {
        let range = try range(8)
        return bytes[range].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A count of things of at least `bytesEach` bytes: refused where they can't all be there.
    mutating func count(bytesEach: Int) throws(ReplicaMessageFault) -> UInt64 {
        let value = try number()
        guard value <= UInt64(remaining / bytesEach) else { throw fault("it counts \(value) things, more than it has room for") }
        return value
    }

    mutating func counted(atMost limit: Int = .max) throws(ReplicaMessageFault) -> Range<Int> {
        let length = try number()
        guard length <= UInt64(remaining) else { throw fault("it ends early") }
        guard length <= UInt64(limit) else { throw fault("a text has \(length) bytes; at most \(limit) are possible") }
        return try range(Int(length))
    }

    mutating func name(upTo last: UInt64) throws(ReplicaMessageFault) -> NameID {
        let value = try number(atMost: last, "the number of a name")
        guard value > 0 else { throw fault("the number of a name is 0") }
        return NameID(UInt32(value))
    }

    mutating func text(_ what: String) throws(ReplicaMessageFault) -> ByteRange {
        let range = try counted()
        guard !range.isEmpty else { throw fault("\(what) are empty") }
        return ByteRange(start: range.lowerBound, count: range.count)
    }

    /// What the row holds is the difference to the commit's time.
    mutating func time(before at: LogTime) throws(ReplicaMessageFault) -> LogTime {
        let lag = try signed()
        let time = at.adding(microseconds: 0 &- lag)
        guard at.microseconds(since: time) == lag else { throw fault("its time is out of range") }
        return time
    }

    mutating func instance() throws(ReplicaMessageFault) -> String {
        let range = try counted(atMost: ReplicaMessage.instanceBytesLimit)
        guard !range.isEmpty, let name = String(validating: bytes[range], as: UTF8.self) else { throw fault("an instance has no name") }
        return name
    }
}
