import Domain
import Testing

@Suite struct EventKindTests {
    /// A kind as its users know it. Fields: `name:type`, those that may be left out with a `?`.
    private struct Row: Sendable, CustomTestStringConvertible {
        var number: UInt8
        var name: String
        var subject: EventKind.Subject
        var isOurs = false
        var fields: String

        var testDescription: String { name }
    }

    private static let contract: [Row] = [
        Row(
            number: 1, name: "actor.created", subject: .actor,
            fields: "pool:name template:name tenant:name? labels:stringMap? sandboxClass:name? schedule:text? timezone:name? version:count?"
        ),
        Row(
            number: 2, name: "actor.requested", subject: .actor,
            fields:
                "pool:name priority:integer? deadline:time? selector:stringMap? reason:text? template:name? expectedMillis:count? version:count?"
        ),
        Row(
            number: 3, name: "actor.withdrawn", subject: .actor,
            fields: "reason:text? by:text? request:count? version:count? corrects:count?"),
        Row(
            number: 4, name: "actor.placed", subject: .actor, isOurs: true,
            fields: "worker:name tier:text? score:number? waited:number? restoreSeconds:number? waitedSeconds:number? version:count?"),
        Row(
            number: 5, name: "actor.running", subject: .actor,
            fields: "worker:name restoredFrom:text? restoreMillis:count? version:count? corrects:count?"),
        Row(number: 6, name: "actor.idle", subject: .actor, fields: "version:count?"),
        Row(
            number: 7, name: "actor.paused", subject: .actor,
            fields: "worker:name node:name? snapshot:text? bytes:count? version:count? bound:bool? corrects:count?"),
        Row(
            number: 8, name: "actor.suspended", subject: .actor,
            fields: "worker:name snapshot:text? bytes:count? version:count? corrects:count?"),
        Row(number: 9, name: "actor.crashed", subject: .actor, fields: "worker:name? reason:text? version:count? by:text? corrects:count?"),
        Row(number: 10, name: "actor.deleted", subject: .actor, fields: "version:count? by:text? corrects:count?"),
        Row(
            number: 11, name: "worker.ready", subject: .worker,
            fields:
                "pool:name node:name slots:count? labels:stringMap? zone:name? sandboxClass:name? ip:text? reason:text? uid:name? ttlSeconds:count?"
        ),
        Row(number: 12, name: "worker.draining", subject: .worker, fields: "reason:text uid:name? by:text?"),
        Row(number: 13, name: "worker.gone", subject: .worker, fields: "reason:text uid:name? asOf:count? by:text?"),
        Row(number: 14, name: "snapshot.cached", subject: .node, fields: "node:name snapshot:text bytes:count? template:name?"),
        Row(number: 15, name: "snapshot.evicted", subject: .node, fields: "node:name snapshot:text bytes:count?"),
        Row(
            number: 16, name: "queue.observed", subject: .pool,
            fields: "pool:name metric:name value:numberOrNull labels:stringMap? error:text? inFlight:number?"),
        Row(
            number: 17, name: "pool.observed", subject: .pool,
            fields: "pool:name specReplicas:count readyReplicas:count updating:count? problem:text? reason:name?"),
        Row(
            number: 18, name: "policy.applied", subject: .pool, isOurs: true,
            fields: "pool:name policy:object digest:text shadow:name? rules:count? renews:count? by:text?"),
        Row(
            number: 19, name: "scale.decided", subject: .pool, isOurs: true,
            fields: "pool:name from:count to:count direction:text why:array inputs:object digest:text shadow:name?"),
        Row(number: 20, name: "scale.applied", subject: .pool, isOurs: true, fields: "pool:name to:count"),
        Row(
            number: 21, name: "scale.failed", subject: .pool, isOurs: true,
            fields: "pool:name error:text attempt:count specReplicas:count? workers:array? start:name?"),
        Row(number: 22, name: "timer.fired", subject: .pool, isOurs: true, fields: "pool:name deadline:time shadow:name?"),
        Row(
            number: 23, name: "snapshot.observed", subject: .holder, isOurs: true,
            fields: "snapshot:text state:text bytes:count? template:name? toldAt:count?"),
        Row(
            number: 24, name: "prefetch.suggested", subject: .node, isOurs: true,
            fields: "pool:name node:name actor:name snapshot:text reason:text bytes:count? request:count? wakeAt:time?"),
        Row(number: 25, name: "clock.stepped", subject: .service, isOurs: true, fields: "microseconds:integer"),
        Row(
            number: 26, name: "pool.paused", subject: .pool, isOurs: true,
            fields: "pool:name in:bool out:bool hold:count? by:text? was:object?"),
        Row(number: 27, name: "position.lost", subject: .service, isOurs: true, fields: "through:count? reason:text?"),
        Row(
            number: 28, name: "worker.observed", subject: .worker, isOurs: true,
            fields: "state:name busy:count from:text error:text? uid:name?"),
        Row(number: 29, name: "pool.deleted", subject: .pool, isOurs: true, fields: "pool:name by:text?"),
        Row(number: 30, name: "leader.elected", subject: .service, isOurs: true, fields: "instance:text fence:count"),
    ]

    @Test("a kind's number, name, subject and fields are the contract", arguments: contract)
    private func matches(_ row: Row) throws {
        let kind = try #require(EventKind(rawValue: row.number))
        #expect(kind.name == row.name)
        #expect(EventKind(name: row.name) == kind)
        #expect(kind.subject == row.subject)
        #expect(kind.isOurs == row.isOurs)
        let fields = kind.shape.fields.map { "\($0.name):\($0.type)\($0.isRequired ? "" : "?")" }
        #expect(Set(fields) == Set(row.fields.split(separator: " ").map(String.init)))
        #expect(fields.count == Set(kind.shape.fields.map(\.name)).count)
        // A column of the log holds what is a field of the kind, and an actor's worker.
        #expect(kind.shape.carriesPool == row.fields.contains("pool:"))
        #expect(kind.shape.carriesWorker == row.fields.contains("worker:"))
    }

    @Test("the contract lists every kind, and no number beyond") func complete() {
        #expect(Self.contract.map(\.number) == EventKind.allCases.map(\.rawValue))
        #expect(EventKind(rawValue: 0) == nil && EventKind(rawValue: 63) == nil)
        #expect(SampleEvent.all.map(\.kind) == EventKind.allCases)
    }

    @Test(
        "only a kind's own name is its name",
        arguments: ["", "actor", "actor.", "Actor.created", "actor.created ", "dev.greenroom.actor.created", "worker.created"])
    func unknownNames(_ name: String) { #expect(EventKind(name: name) == nil) }

    /// Logs of before may hold anything under the names of fields that came later.
    @Test(
        arguments: [
            (EventKind.actorSuspended, #"{"worker":"w","corrects":"x"}"#), (.actorPaused, #"{"worker":"w","bound":"yes"}"#),
            (.actorCrashed, #"{"by":7}"#), (.actorWithdrawn, #"{"request":"the last","by":[]}"#),
            (.workerGone, #"{"reason":"r","asOf":-1}"#),
        ])
    func `a field that came later is checked at the door and not in an import`(_ kind: EventKind, data: String) throws {
        let event = SampleEvent(kind: kind, subject: "s", data: data)
        #expect(Read.fault { () throws(EventFault) in try Read.event(event.json) } != nil)
        #expect(try Read.event(event.json, own: true).count == 1)
    }
}
