// Which actor, and which worker, does an event mean?
//
// Both are (namespace, name), their namespace is their pool's. In the log each has one name of its own: the bare one for
// whoever had it first, `NAMESPACE/NAME` for those that came later in other namespaces. So a log of the time when names
// alone counted goes on as it was meant.
//
//     with a pool       NAME, NAMESPACE/NAME → the one of the pool's namespace, made where there is none
//     without, full     NAMESPACE/NAME → that one
//     without, bare     the only one of that name; of several, the one in its worker's namespace, or in its source's
//
// What no rule decides is ambiguous: it is stored under a name that nobody has, and changes nothing.
//
// Always: what is answered follows from the log alone, in its order.

import Domain

struct IdentityResolution {
    struct Query {
        var subject: UnsafeBufferPointer<UInt8>
        /// Empty where the event names none.
        var worker: UnsafeBufferPointer<UInt8>
        /// Its own; none where it has none.
        var pool: NameID
        var source: NameID
        var role: SubjectIndex.Role
    }

    struct Answer {
        var subject: NameID
        var worker: NameID
        var isAmbiguous = false
    }

    static func resolve(_ query: Query, _ table: inout NameTable, _ subjects: SubjectIndex.State) -> Answer {
        var answer = Answer(subject: .none, worker: .none)
        if !query.pool.isNone {
            answer.subject = named(query.subject, in: query.pool, &table, subjects)
        } else if let found = lone(query, &table, subjects) {
            answer.subject = found
        } else {
            answer.subject = intern(ambiguous(query.subject), &table)
            answer.isAmbiguous = true
        }
        guard !query.worker.isEmpty else { return answer }
        let home = answer.isAmbiguous ? NameID.none : subjects.pool(of: answer.subject)
        if let found = worker(query, home: home, &table, subjects) {
            answer.worker = found
        } else {
            answer.worker = intern(ambiguous(query.worker), &table)
            answer.isAmbiguous = true
        }
        return answer
    }

    // MARK: - The subject

    /// The one of that name in the pool's namespace.
    private static func named(_ text: UnsafeBufferPointer<UInt8>, in pool: NameID, _ table: inout NameTable, _ subjects: SubjectIndex.State)
        -> NameID
    {
        if let known = table.find(text), subjects.isKnown(known), isAlike(subjects.pool(of: known), pool, table) { return known }
        let namespace = table.namespace(of: pool)
        let bare =
            QualifiedName.slash(in: text).flatMap { slash in
                text[..<slash].elementsEqual(namespace) ? UnsafeBufferPointer(rebasing: text[(slash + 1)...]) : nil
            } ?? text
        let full = namespace + [QualifiedName.slash] + bare
        if let known = table.find(bare), !subjects.pool(of: known).isNone {
            return isAlike(subjects.pool(of: known), pool, table) ? known : intern(full, &table)
        }
        // Nobody has the bare name. Under its full one it may be known from an event that named no pool.
        if let known = full.withUnsafeBufferPointer({ table.find($0) }), subjects.isKnown(known) { return known }
        return intern(bare, &table)
    }

    /// Without a pool; nil where it may be several.
    private static func lone(_ query: Query, _ table: inout NameTable, _ subjects: SubjectIndex.State) -> NameID? {
        let (text, role) = (query.subject, query.role)
        if let slash = QualifiedName.slash(in: text) {
            if let known = full(text, slash, role, table, subjects) { return known }
            // A new one, if its worker tells the same namespace: then the bare name is its own, like any that comes first.
            let bare = UnsafeBufferPointer(rebasing: text[(slash + 1)...])
            let isFree = table.find(bare).map { subjects.pool(of: $0).isNone } ?? true
            if isFree, role == .actor, let worker = hinted(query, table, subjects),
                table.namespace(of: worker).elementsEqual(text[..<slash])
            {
                return intern(bare, &table)
            }
            return intern(text, &table)
        }
        let found = candidates(text, role, table, subjects)
        switch found.count {
        case 0: return intern(text, &table)
        case 1: return found[0]
        default: break
        }
        let hints = [hinted(query, table, subjects), subjects.pool(ofSource: query.source)].compactMap { $0 }
        for hint in hints {
            if let one = found.first(where: { isAlike(subjects.pool(of: $0), hint, table) }) { return one }
        }
        return nil
    }

    // MARK: - The worker

    private static func worker(_ query: Query, home: NameID, _ table: inout NameTable, _ subjects: SubjectIndex.State) -> NameID? {
        let text = query.worker
        if let slash = QualifiedName.slash(in: text) { return full(text, slash, .worker, table, subjects) ?? intern(text, &table) }
        let found = candidates(text, .worker, table, subjects)
        switch found.count {
        case 0: return intern(text, &table)
        case 1: return found[0]
        default: break
        }
        for hint in [home, subjects.pool(ofSource: query.source) ?? .none] where !hint.isNone {
            if let one = found.first(where: { isAlike(subjects.pool(of: $0), hint, table) }) { return one }
        }
        return nil
    }

    /// The pool of the worker that the event names, where that is certain without knowing the actor.
    private static func hinted(_ query: Query, _ table: NameTable, _ subjects: SubjectIndex.State) -> NameID? {
        guard !query.worker.isEmpty else { return nil }
        let worker: NameID?
        if let slash = QualifiedName.slash(in: query.worker) {
            worker = full(query.worker, slash, .worker, table, subjects)
        } else {
            let found = candidates(query.worker, .worker, table, subjects)
            worker = found.count == 1 ? found[0] : nil
        }
        guard let pool = worker.map({ subjects.pool(of: $0) }), !pool.isNone else { return nil }
        return pool
    }

    // MARK: - Names

    /// The one known as `NAMESPACE/NAME`: under all of that text, or under its bare name in that namespace.
    private static func full(
        _ text: UnsafeBufferPointer<UInt8>, _ slash: Int, _ role: SubjectIndex.Role, _ table: NameTable, _ subjects: SubjectIndex.State
    ) -> NameID? {
        if let known = table.find(text), subjects.isKnown(known, as: role) { return known }
        guard let known = table.find(UnsafeBufferPointer(rebasing: text[(slash + 1)...])) else { return nil }
        let pool = subjects.pool(of: known)
        return !pool.isNone && table.namespace(of: pool).elementsEqual(text[..<slash]) ? known : nil
    }

    /// All that are known by this name in one namespace or another. Two say as much as many: the caller looks for the one of a
    /// namespace.
    private static func candidates(
        _ name: UnsafeBufferPointer<UInt8>, _ role: SubjectIndex.Role, _ table: NameTable, _ subjects: SubjectIndex.State
    ) -> [NameID] {
        let full = table.qualified(name).filter { id in
            let pool = subjects.pool(of: id)
            guard subjects.isKnown(id, as: role), !pool.isNone else { return false }
            let namespace = table.namespace(of: pool)
            return table.withText(of: id) { $0.count == namespace.count + 1 + name.count && $0.starts(with: namespace) }
        }
        guard let bare = table.find(name), subjects.isKnown(bare, as: role) else { return full }
        // One of an old log that has its namespace in its name twice is the same as the bare one.
        let home = subjects.pool(of: bare)
        return [bare] + full.filter { home.isNone || !isAlike(subjects.pool(of: $0), home, table) }
    }

    /// A name that no event can bring.
    private static func ambiguous(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] { [QualifiedName.slash] + text }

    static func isAlike(_ a: NameID, _ b: NameID, _ table: NameTable) -> Bool {
        a == b || (!a.isNone && !b.isNone && table.haveOneNamespace(a, b))
    }

    private static func intern(_ name: [UInt8], _ table: inout NameTable) -> NameID { name.withUnsafeBufferPointer { intern($0, &table) } }

    private static func intern(_ name: UnsafeBufferPointer<UInt8>, _ table: inout NameTable) -> NameID {
        // Room was asked for before the batch was taken.
        guard let (id, _) = table.intern(name) else { preconditionFailure("the dictionary of names is full at \(table.count)") }
        return id
    }
}

extension NameTable {
    /// Of a pool: what stands before its slash.
    func namespace(of pool: NameID) -> [UInt8] {
        withText(of: pool) { text in
            text.firstIndex(of: QualifiedName.slash).map { Array(text[..<$0]) } ?? Array(QualifiedName.defaultNamespace.utf8)
        }
    }

    /// The same for two pools, without copies.
    func haveOneNamespace(_ a: NameID, _ b: NameID) -> Bool {
        withText(of: a) { a in
            withText(of: b) { b in
                // Alike up to the first slash: the common case, asked for nearly every event of a source that knows several pools.
                for k in 0..<min(a.count, b.count) where a[k] == QualifiedName.slash || a[k] != b[k] {
                    if a[k] == b[k] { return true }
                    break
                }
                // They differ before a slash. Only a name without one, which is in the default namespace, can still be alike.
                guard a.contains(QualifiedName.slash), b.contains(QualifiedName.slash) else {
                    return QualifiedName.namespace(ofPool: String(decoding: a, as: UTF8.self))
                        == QualifiedName.namespace(ofPool: String(decoding: b, as: UTF8.self))
                }
                return false
            }
        }
    }
}
