import Domain
import State

// Who waits for a placement, and until when?
//
// A wait ends once: something happened to its actor, its time is up, its caller went away, or the loop stops. Whatever ends it
// takes it out of the table, so `count` is the number of callers that wait at this moment and nothing else.

struct PlacementWaits {
    /// Names one wait for as long as the loop lives.
    typealias Key = UInt64

    private struct Wait {
        var actor: NameID
        var until: LogTime
        var resume: @Sendable () -> Void
    }

    private var waits: [Key: Wait] = [:]
    private var byActor: [NameID: [Key]] = [:]
    private var deadlines = Deadlines<Key>()

    var count: Int { waits.count }
    var isEmpty: Bool { waits.isEmpty }
    var earliest: LogTime? { deadlines.first }

    func waits(for actor: NameID) -> Bool { byActor[actor] != nil }

    mutating func begin(_ key: Key, for actor: NameID, until: LogTime, _ resume: @escaping @Sendable () -> Void) {
        waits[key] = Wait(actor: actor, until: until, resume: resume)
        byActor[actor, default: []].append(key)
        deadlines.add(key, at: until)
    }

    /// Ends one wait; nothing where it has ended already.
    mutating func end(_ key: Key) {
        guard let wait = waits.removeValue(forKey: key) else { return }
        byActor[wait.actor]?.removeAll { $0 == key }
        if byActor[wait.actor]?.isEmpty == true { byActor[wait.actor] = nil }
        deadlines.remove(key, at: wait.until)
        wait.resume()
    }

    mutating func end(allOf actor: NameID) {
        for key in byActor[actor] ?? [] { end(key) }
    }

    /// Ends those whose time is up.
    mutating func end(dueAt now: LogTime) {
        for due in deadlines.reached(now) { end(due.key) }
    }

    mutating func endAll() {
        for key in waits.keys.sorted() { end(key) }
    }
}
