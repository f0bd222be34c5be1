import Domain
import Testing

// One good event of every kind, with every field it knows, as a producer would write it.

struct SampleEvent: Sendable, CustomTestStringConvertible {
    var kind: EventKind
    var subject: String
    var data: String

    var testDescription: String { kind.name }
    var type: String { "dev.greenroom." + kind.name }

    var json: String { Self.json(type: type, subject: subject, data: data) }

    static func json(
        type: String = "dev.greenroom.actor.idle", subject: String? = "actor-1", id: String = "1", data: String? = "{}", more: String = ""
    ) -> String {
        #"{"specversion":"1.0","type":"\#(type)","source":"/test","id":"\#(id)""# + (subject.map { #","subject":"\#($0)""# } ?? "") + more
            + (data.map { #","data":\#($0)"# } ?? "") + "}"
    }

    static func of(_ kind: EventKind) -> SampleEvent { all.first { $0.kind == kind } ?? all[0] }

    static let all: [SampleEvent] = [
        SampleEvent(
            kind: .actorCreated, subject: "actor-1",
            data: #"{"pool":"ns/p","template":"t","tenant":"team-a","labels":{"app":"x"},"sandboxClass":"gvisor","version":1}"#),
        SampleEvent(
            kind: .actorRequested, subject: "actor-1",
            data:
                #"{"pool":"ns/p","priority":-5,"deadline":"2026-11-21T07:32:00Z","selector":{"zone":"a"},"reason":"a message came","template":"t","expectedMillis":200,"version":2}"#
        ),
        SampleEvent(kind: .actorWithdrawn, subject: "actor-1", data: #"{"version":3}"#),
        SampleEvent(
            kind: .actorPlaced, subject: "actor-1", data: #"{"worker":"w-1","tier":"local","score":0.5,"waited":1.25,"version":4}"#),
        SampleEvent(
            kind: .actorRunning, subject: "actor-1", data: #"{"worker":"w-1","restoredFrom":"gs://b/s","restoreMillis":90,"version":5}"#),
        SampleEvent(kind: .actorIdle, subject: "actor-1", data: #"{"version":6}"#),
        SampleEvent(
            kind: .actorPaused, subject: "actor-1", data: #"{"worker":"w-1","node":"n-1","snapshot":"s-1","bytes":1048576,"version":7}"#),
        SampleEvent(kind: .actorSuspended, subject: "actor-1", data: #"{"worker":"w-1","snapshot":"s3://b/s","bytes":0,"version":8}"#),
        SampleEvent(kind: .actorCrashed, subject: "actor-1", data: #"{"worker":"w-1","reason":"OOM","version":9}"#),
        SampleEvent(kind: .actorDeleted, subject: "actor-1", data: #"{"version":10}"#),
        SampleEvent(
            kind: .workerReady, subject: "w-1",
            data:
                #"{"pool":"ns/p","node":"n-1","slots":4,"labels":{"gpu":"none"},"zone":"z-1","sandboxClass":"gvisor","ip":"10.0.0.7","ttlSeconds":60}"#
        ),
        SampleEvent(kind: .workerDraining, subject: "w-1", data: #"{"reason":"scale-down"}"#),
        SampleEvent(kind: .workerGone, subject: "w-1", data: #"{"reason":"exited"}"#),
        SampleEvent(kind: .snapshotCached, subject: "n-1", data: #"{"node":"n-1","snapshot":"s-1","bytes":7}"#),
        SampleEvent(kind: .snapshotEvicted, subject: "n-1", data: #"{"node":"n-1","snapshot":"s-1","bytes":7}"#),
        SampleEvent(
            kind: .queueObserved, subject: "ns/p",
            data: #"{"pool":"ns/p","metric":"pending","value":12.5,"labels":{"stream":"s"},"error":"none","inFlight":2}"#),
        SampleEvent(kind: .poolObserved, subject: "ns/p", data: #"{"pool":"ns/p","specReplicas":3,"readyReplicas":2}"#),
        SampleEvent(kind: .policyApplied, subject: "ns/p", data: #"{"pool":"ns/p","policy":{"a":1},"digest":"d"}"#),
        SampleEvent(
            kind: .scaleDecided, subject: "ns/p",
            data: #"{"pool":"ns/p","from":1,"to":2,"direction":"up","why":[{"code":"x"}],"inputs":{"asOf":1},"digest":"d"}"#),
        SampleEvent(kind: .scaleApplied, subject: "ns/p", data: #"{"pool":"ns/p","to":2}"#),
        SampleEvent(kind: .scaleFailed, subject: "ns/p", data: #"{"pool":"ns/p","error":"timeout","attempt":1}"#),
        SampleEvent(kind: .timerFired, subject: "ns/p", data: #"{"pool":"ns/p","deadline":"2026-11-21T07:32:00.000001Z"}"#),
        SampleEvent(
            kind: .snapshotObserved, subject: "actor-1",
            data: #"{"snapshot":"s3://b/s","state":"present","bytes":7,"template":"t","toldAt":8}"#),
        SampleEvent(
            kind: .prefetchSuggested, subject: "n-1",
            data:
                #"{"pool":"ns/p","node":"n-1","actor":"actor-1","snapshot":"s3://b/s","reason":"waits","bytes":7,"request":8,"wakeAt":"2026-11-21T07:32:00Z"}"#
        ),
        SampleEvent(kind: .clockStepped, subject: "greenroom", data: #"{"microseconds":-3600000000}"#),
        SampleEvent(
            kind: .poolPaused, subject: "ns/p",
            data: #"{"pool":"ns/p","in":true,"out":false,"hold":3,"by":"ops","was":{"in":false,"out":false}}"#),
        SampleEvent(kind: .positionLost, subject: "greenroom", data: #"{"through":201,"reason":"the write-ahead log was damaged"}"#),
        SampleEvent(
            kind: .workerObserved, subject: "w-1",
            data: #"{"state":"unknown","busy":1,"from":"http :8080/busy","error":"no answer","uid":"u-1"}"#
        ),
        SampleEvent(kind: .poolDeleted, subject: "ns/p", data: #"{"pool":"ns/p","by":"ops"}"#),
        SampleEvent(kind: .leaderElected, subject: "greenroom", data: #"{"instance":"greenroom-1","fence":4711}"#),
    ]
}
