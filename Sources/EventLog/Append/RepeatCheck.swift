// Does an event that repeats a source and id say what the first one said?
//
// Asked only where deduplication found the first one, so nothing new pays for it. Compared is what an event tells the state: kind,
// subject, pool, worker and data. Not compared are `time` and extensions, such as a trace's: who sends again may make them anew. Data is
// the same where its JSON says the same, in whatever order and with whatever spaces; `by` doesn't count where the service sets it, as the
// same event may come again with another token. Names are the same with their namespace and without,
// since the log gives each the one it has here.
//
// Always: bytes that are sent again as they were are no conflict. Of one commit so much JSON is read at most; what is beyond is compared by
// its bytes, so that a batch of small repeats of large events costs no more than that.

import Domain

struct RepeatCheck {
    /// What is stored of the first event, or staged in this commit. The bytes live as long as the call.
    struct First {
        var kind: Int64
        var pool: NameID
        var subject: NameID
        var worker: NameID
        var body: UnsafeBufferPointer<UInt8>
    }

    /// Of both events together, in bytes.
    static let jsonBytesPerCommit = 4 << 20

    let draft: DraftEvent
    /// The draft's.
    let bytes: UnsafeBufferPointer<UInt8>

    func isSame(as first: First, _ names: NameTable, _ jsonBytes: inout Int) -> Bool {
        guard first.kind == Int64(draft.kind.rawValue), isName(draft.subject, first.subject, names) else { return false }
        // An event without a pool of its own is stored with its subject's.
        if !draft.pool.isEmpty, !isName(draft.pool, first.pool, names) { return false }
        guard isName(draft.worker, first.worker, names) else { return false }
        return isSameData(UnsafeBufferPointer(rebasing: bytes[draft.body.lower..<draft.body.upper]), first.body, &jsonBytes)
    }

    private func isName(_ range: ByteRange, _ id: NameID, _ names: NameTable) -> Bool {
        guard !range.isEmpty, !id.isNone else { return range.isEmpty == id.isNone }
        let told = bytes[range.lower..<range.upper]
        return names.withText(of: id) { known in
            // What was ambiguous then is stored behind a slash.
            let known = known.first == QualifiedName.slash ? known.dropFirst() : known[...]
            return told.elementsEqual(known) || Self.ends(told, with: known) || Self.ends(known, with: told)
        }
    }

    /// `NAMESPACE/NAME` and `NAME`.
    private static func ends(_ long: Slice<UnsafeBufferPointer<UInt8>>, with short: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        long.count > short.count + 1 && long.suffix(short.count).elementsEqual(short)
            && long[long.endIndex - short.count - 1] == QualifiedName.slash
    }

    private func isSameData(
        _ told: UnsafeBufferPointer<UInt8>, _ known: UnsafeBufferPointer<UInt8>, _ jsonBytes: inout Int
    ) -> Bool {
        if told.count == known.count, told.elementsEqual(known) { return true }
        // Without members nothing is stored.
        let isSigned = draft.kind.carriesAuthor
        if !isSigned, told.count <= 2 || known.count <= 2 { return told.count <= 2 && known.count <= 2 }
        guard jsonBytes + told.count + known.count <= Self.jsonBytesPerCommit else { return false }
        jsonBytes += told.count + known.count
        guard let told = Self.value(told), let known = Self.value(known) else { return false }
        return isSigned ? told.removing(EventKind.author) == known.removing(EventKind.author) : told == known
    }

    private static func value(_ bytes: UnsafeBufferPointer<UInt8>) -> JSONValue? {
        bytes.isEmpty ? .object([]) : try? JSONValue(parsing: Array(bytes))
    }
}
