// What is each kind of event for, what does it do to the state, and what do its fields mean?
//
// The words beside the table of `EventKind.shape`: OpenAPI's schemas and docs/events.md are made of both. Always: every field of a
// shape has a note; it has an example, unless producers leave it to others. No text has a quotation mark or a backslash, so that it stands
// in JSON as it is.

extension EventKind {
    package struct Notes: Sendable {
        /// When it is sent, in a sentence without its full stop.
        package let when: String
        /// What it does to the state.
        package let effect: String
        package let subject: String
        /// `data` as JSON.
        package let example: String
        package let fields: [FieldNote]
        /// What Greenroom writes into `data` besides the shape's fields.
        package var more: [MoreField] = []
    }

    package struct FieldNote: Sendable {
        package let name: String
        /// Empty where it has none.
        package let unit: String
        package let text: String

        init(_ name: String, _ text: String, unit: String = "") {
            self.name = name
            self.unit = unit
            self.text = text
        }
    }

    package struct MoreField: Sendable {
        package let note: FieldNote
        package let type: FieldType

        init(_ name: String, _ type: FieldType, _ text: String, unit: String = "") {
            note = FieldNote(name, text, unit: unit)
            self.type = type
        }
    }

    package var notes: Notes {
        switch self {
        case .actorCreated:
            Notes(
                when: "Announces an actor before its first request. Optional: a first actor.requested makes it too",
                effect: "The actor is suspended. Its template, tenant and schedule are known",
                subject: "session-1",
                example: #"""
                    {"pool":"team/chat","template":"research","tenant":"acme","labels":{"app":"bot"},"sandboxClass":"gvisor",\#
                    "schedule":"0 9 * * 1-5","timezone":"Europe/Berlin","version":1}
                    """#,
                fields: [
                    Self.pool,
                    FieldNote("template", "What new actors start from; its snapshot is the golden one"),
                    FieldNote("tenant", "Whose it is: tenants take turns, and may have a quota"),
                    FieldNote("labels", "Kept and shown; nothing follows from them"),
                    FieldNote("sandboxClass", "It needs a worker of this class"),
                    FieldNote("schedule", "When it wakes by itself: five fields of cron. Used for prefetch.suggested"),
                    FieldNote("timezone", "UTC (the default), or one of the policy's schedules"),
                    Self.version,
                ])
        case .actorRequested:
            Notes(
                when: "The actor needs a worker: a message came, a timer rang",
                effect: """
                    The actor waits in its pool's queue, counts as demand, and is placed when a slot is free. It changes \
                    nothing if the actor waits, is placed or runs already
                    """,
                subject: "session-1",
                example: #"""
                    {"pool":"team/chat","priority":5,"deadline":"2026-11-21T07:32:00Z","selector":{"gpu":"l4"},\#
                    "reason":"a message came","template":"research","expectedMillis":2000,"version":2}
                    """#,
                fields: [
                    Self.pool,
                    FieldNote("priority", "Higher goes first, for all tenants of the pool; default 0"),
                    FieldNote("deadline", "By when it needs the worker. If it still waits then, Greenroom withdraws it (actor.withdrawn)"),
                    FieldNote("selector", "Labels that the worker must have"),
                    FieldNote("reason", "Kept and shown"),
                    FieldNote("template", "As in actor.created"),
                    FieldNote("expectedMillis", "How long the turn will probably run; the worker is told", unit: "milliseconds"),
                    Self.version,
                ])
        case .actorWithdrawn:
            Notes(
                when: "The actor needs no worker any more",
                effect: """
                    The actor leaves the queue, or gives back the slot that it was placed on, and is again what it was before \
                    its request. It changes nothing once the actor runs
                    """,
                subject: "session-1",
                example: #"{"reason":"its deadline passed","request":41,"version":3}"#,
                fields: [
                    FieldNote(
                        "reason", "Shown in histories. Greenroom withdraws a request whose deadline passed, or whose caller went away"),
                    Self.by,
                    FieldNote(
                        "request", "The actor.requested that is meant: this changes nothing once it is placed, or another waits",
                        unit: "position"),
                    Self.version,
                    Self.corrects,
                ])
        case .actorPlaced:
            Notes(
                when: "A waiting actor got a slot. A worker follows these to learn of its actors",
                effect: "The actor holds a slot of the worker, and is about to be restored there",
                subject: "session-1",
                example: #"""
                    {"worker":"w-1","tier":"warm","score":0.09,"waited":1.25,"restoreSeconds":0.09,"waitedSeconds":1.25,"request":41,"workerVersion":7,"asOf":41,\#
                    "restoreFrom":"s3://agents/session-1/3","bytes":268435456,"expectedMillis":2000,"version":4}
                    """#,
                fields: [
                    Self.worker,
                    FieldNote("tier", "Where its state comes from: local, warm, golden or cold"),
                    FieldNote("score", "The earlier name of restoreSeconds", unit: "seconds"),
                    FieldNote("waited", "The earlier name of waitedSeconds", unit: "seconds"),
                    FieldNote("restoreSeconds", "How long the restore will probably take", unit: "seconds"),
                    FieldNote("waitedSeconds", "From its request to this placement", unit: "seconds"),
                    Self.version,
                ],
                more: [
                    MoreField("request", .count, "The actor.requested that it answers", unit: "position"),
                    MoreField("workerVersion", .count, "The worker.ready of the worker that is meant", unit: "position"),
                    MoreField("asOf", .count, "The state that was looked at", unit: "position"),
                    MoreField("restoreFrom", .text, "URI of the snapshot to restore; absent where the actor starts anew"),
                    MoreField("bytes", .count, "Size of that snapshot, if it is known", unit: "bytes"),
                    MoreField("moved", .text, "Why it isn't restored on the node where it was paused"),
                    MoreField("pausedOn", .name, "That node"),
                    MoreField("spilledTo", .name, "The worker's pool, if it isn't the actor's"),
                    MoreField("overtook", .count, "How many before it in the queue had no use for this slot", unit: "actors"),
                    MoreField("expectedMillis", .count, "As in its request", unit: "milliseconds"),
                ])
        case .actorRunning:
            Notes(
                when: "The worker restored the actor, and it serves. Also sent when an idle actor works again",
                effect: """
                    The actor runs. The time since actor.placed counts as a restore of its tier. A resting actor that nobody \
                    placed runs too: for agents that place themselves
                    """,
                subject: "session-1",
                example: #"{"worker":"w-1","restoredFrom":"s3://agents/session-1/3","restoreMillis":90,"version":5}"#,
                fields: [
                    Self.worker,
                    FieldNote("restoredFrom", "URI of the snapshot that was restored"),
                    FieldNote("restoreMillis", "How long the restore took, if the worker measured it", unit: "milliseconds"),
                    Self.version,
                    Self.corrects,
                ])
        case .actorIdle:
            Notes(
                when: "The actor has nothing to do, and keeps its slot",
                effect: "The actor is idle: it counts as running in demand, and can be suspended without loss",
                subject: "session-1",
                example: #"{"version":6}"#,
                fields: [
                    Self.version
                ])
        case .actorPaused:
            Notes(
                when: "The actor left its slot, and its state stays on the node, in memory or on its disk",
                effect: """
                    The slot is free. The next placement prefers this node (tier local), and waits for it as \
                    placement.localWaitSeconds says
                    """,
                subject: "session-1",
                example: #"{"worker":"w-1","node":"n-1","snapshot":"local:///session-1/4","bytes":1048576,"bound":true,"version":7}"#,
                fields: [
                    Self.worker,
                    FieldNote("node", "Where its state is; default the worker's node"),
                    FieldNote("snapshot", "URI of its state"),
                    FieldNote("bytes", "Its size", unit: "bytes"),
                    FieldNote("bound", "The system that hosts it restores it on this node alone: it waits for it, however long"),
                    Self.version,
                    Self.corrects,
                ])
        case .actorSuspended:
            Notes(
                when: "The actor left its slot, and its snapshot is where other nodes can read it",
                effect: """
                    The slot is free. The snapshot is what the next placement restores (tier warm on a node that has it, else \
                    cold). Also moves a paused actor's state to storage
                    """,
                subject: "session-1",
                example: #"{"worker":"w-1","snapshot":"s3://agents/session-1/4","bytes":268435456,"version":8}"#,
                fields: [
                    Self.worker,
                    FieldNote("snapshot", "URI of the snapshot. Without it the one before stays the newest"),
                    FieldNote("bytes", "Its size, from which restores are estimated", unit: "bytes"),
                    Self.version,
                    Self.corrects,
                ])
        case .actorCrashed:
            Notes(
                when: "The actor ended without a clean state",
                effect: "The slot is free. The actor may be requested again, from its last snapshot",
                subject: "session-1",
                example: #"{"worker":"w-1","reason":"out of memory","version":9}"#,
                fields: [
                    FieldNote("worker", "The worker that it was on; without it, whichever holds it"),
                    FieldNote("reason", "Shown in histories"),
                    Self.by,
                    Self.version,
                    Self.corrects,
                ])
        case .actorDeleted:
            Notes(
                when: "The actor won't come back",
                effect: "It is forgotten, with its slot, its place in the queue and its snapshot. The name may be created again",
                subject: "session-1",
                example: #"{"version":10}"#,
                fields: [
                    Self.by,
                    Self.version,
                    Self.corrects,
                ])
        case .workerReady:
            Notes(
                when: "A worker can host actors. Sent again, it says what is new about it",
                effect: """
                    The worker takes actors of its pool. With another uid than before it is another worker: the earlier one \
                    is gone and its actors are crashed. A draining worker is back only when everyone who said draining says \
                    ready. A worker doesn't change its pool
                    """,
                subject: "w-1",
                example: #"""
                    {"pool":"team/chat","node":"n-1","slots":4,"labels":{"gpu":"l4"},"zone":"z-1","sandboxClass":"gvisor",\#
                    "ip":"10.0.0.7","reason":"uncordoned","uid":"5f0c","ttlSeconds":60}
                    """#,
                fields: [
                    Self.pool,
                    FieldNote("node", "The machine whose snapshot cache it uses"),
                    FieldNote("slots", "How many it can host at once; default 1", unit: "actors"),
                    FieldNote("labels", "What a request's selector looks at"),
                    FieldNote("zone", "For placement.zoneSpread"),
                    FieldNote("sandboxClass", "What actors with such a class need"),
                    FieldNote("ip", "Where its actors are reached; POST /v1/placements answers it"),
                    FieldNote("reason", "Kept and shown"),
                    Self.uid,
                    FieldNote(
                        "ttlSeconds",
                        """
                        Its lease: after so long without a sign of life it is gone (worker.gone, reason lost). Signs are its open \
                        stream of placements, PUT /v1/workers/NS/NAME/heartbeat, and worker.ready. 0, and what says nothing before: no lease
                        """, unit: "seconds"),
                ])
        case .workerDraining:
            Notes(
                when: "A worker is to go, or goes",
                effect: "It keeps its actors and gets no more",
                subject: "w-1",
                example: #"{"reason":"SIGTERM received","uid":"5f0c"}"#,
                fields: [
                    FieldNote("reason", "Shown in histories"),
                    Self.uid,
                    Self.by,
                ])
        case .workerGone:
            Notes(
                when: "A worker ended, or is lost",
                effect: "It is removed. Actors that were on it are crashed, and may be requested again",
                subject: "w-1",
                example: #"{"reason":"lost","uid":"5f0c","asOf":41}"#,
                fields: [
                    FieldNote("reason", "Shown in histories; lost if its lease ended without a sign of life"),
                    Self.uid,
                    FieldNote("asOf", "Its worker.ready that is meant: after a later one this changes nothing", unit: "position"),
                    Self.by,
                ])
        case .workerObserved:
            Notes(
                when: "A pod was asked whether it is busy, and what it said differs from before",
                effect: "The worker counts as busy with so many tasks, or as idle. A busy worker is never removed, and is demand",
                subject: "w-1",
                example: #"{"state":"busy","busy":2,"from":"http :8080/busy","error":"","uid":"5f0c"}"#,
                fields: [
                    FieldNote("state", "busy, idle, or unknown if it did not answer"),
                    FieldNote("busy", "What it counts as by now; for an unknown one as the policy says", unit: "tasks"),
                    FieldNote("from", "What was asked"),
                    FieldNote("error", "Why it is unknown"),
                    Self.uid,
                ])
        case .snapshotCached:
            Notes(
                when: "A node has a snapshot in its cache",
                effect: """
                    Placements on this node can restore it warm. With template it is the template's golden snapshot: what new \
                    actors start from
                    """,
                subject: "n-1",
                example: #"{"node":"n-1","snapshot":"s3://agents/session-1/4","bytes":268435456,"template":"research"}"#,
                fields: [
                    FieldNote("node", "The subject again"),
                    FieldNote("snapshot", "URI"),
                    FieldNote("bytes", "Its size", unit: "bytes"),
                    FieldNote("template", "The template whose snapshot it is"),
                ])
        case .snapshotEvicted:
            Notes(
                when: "A node dropped a snapshot from its cache",
                effect: """
                    Placements on this node no longer count on it. A paused actor whose state it was must be restored from \
                    its external snapshot
                    """,
                subject: "n-1",
                example: #"{"node":"n-1","snapshot":"s3://agents/session-1/4","bytes":268435456}"#,
                fields: [
                    FieldNote("node", "The subject again"),
                    FieldNote("snapshot", "URI"),
                    FieldNote("bytes", "How much room that made", unit: "bytes"),
                ])
        case .queueObserved:
            Notes(
                when: "A metric was measured outside, for a trigger of type observed. Polled triggers write it too",
                effect: """
                    The trigger of that metric with exactly these labels has this value. null counts as a failure for the \
                    policy's fallback
                    """,
                subject: "team/chat",
                example: #"{"pool":"team/chat","metric":"pending","value":12.5,"labels":{"stream":"tasks"},"error":"","inFlight":3}"#,
                fields: [
                    Self.pool,
                    FieldNote("metric", "The trigger's metric"),
                    FieldNote("value", "The value, or null if it could not be read", unit: "as the metric"),
                    FieldNote("labels", "The trigger's selector"),
                    FieldNote("error", "Why there is no value"),
                    FieldNote("inFlight", "Work that is taken and not done yet; the pool isn't lowered below it", unit: "as the metric"),
                ])
        case .poolObserved:
            Notes(
                when: """
                    The target's replicas were looked at. Greenroom's own watches write it; so may a program that scales a \
                    target itself
                    """,
                effect: """
                    What is ready is compared with what was decided. specReplicas that Greenroom didn't decide count as a \
                    foreign change
                    """,
                subject: "team/chat",
                example: #"""
                    {"pool":"team/chat","specReplicas":3,"readyReplicas":2,"problem":"no pod of it can be found",\#
                    "reason":"PodsNotFound","updating":1}
                    """#,
                fields: [
                    Self.pool,
                    FieldNote("specReplicas", "What the target is told to have", unit: "workers"),
                    FieldNote("readyReplicas", "What it has", unit: "workers"),
                    FieldNote("problem", "What is wrong with the target; absent if nothing is"),
                    FieldNote("reason", "One word for it, as the pool's Ready condition has it"),
                    FieldNote(
                        "updating",
                        """
                        Workers that a rolling update of the target has to make yet; the count is held until it is 0, for at \
                        most 10 minutes. Absent: as before
                        """, unit: "workers"),
                ])
        case .policyApplied:
            Notes(
                when: "A policy was applied or deleted",
                effect: "The pool, or its shadow, scales by it from here on. An empty policy: it was deleted",
                subject: "team/chat",
                example: #"""
                    {"pool":"team/chat","policy":{"apiVersion":"greenroom.dev/v1"},"digest":"ee2a494e","shadow":"chat-calm",\#
                    "rules":3,"renews":12,"by":"ops"}
                    """#,
                fields: [
                    Self.pool,
                    FieldNote("policy", "The whole policy; empty if it was deleted"),
                    FieldNote("digest", "Of the policy"),
                    FieldNote("shadow", "The shadow whose policy it is"),
                    FieldNote("rules", "Version of the rules by which decisions are made"),
                    FieldNote("renews", "The policy.applied that it repeats under newer rules", unit: "position"),
                    FieldNote("by", "The token's name, if somebody applied or deleted it over the API"),
                ])
        case .scaleDecided:
            Notes(
                when: "The pool's count was computed, and it or its reasons are news",
                effect: "The count is wanted until the next decision. A shadow's changes nothing",
                subject: "team/chat",
                example: #"""
                    {"pool":"team/chat","from":1,"to":2,"direction":"up","why":[{"step":"signal","code":"Demand",\#
                    "text":"demand 2 = 1 running + 1 waiting"}],"inputs":{"asOf":41},"digest":"776bc30e",\#
                    "shadow":"chat-calm"}
                    """#,
                fields: [
                    Self.pool,
                    FieldNote("from", "The count before", unit: "workers"),
                    FieldNote("to", "The count from here on", unit: "workers"),
                    FieldNote("direction", "up, down or none"),
                    FieldNote("why", "A reason for each stage, with its numbers"),
                    FieldNote("inputs", "What was looked at, and at which position (asOf)"),
                    FieldNote("digest", "Of inputs and outcome, for log verify"),
                    FieldNote("shadow", "The shadow that decided"),
                ])
        case .scaleApplied:
            Notes(
                when: "The target took the count",
                effect: "The pool's target is no longer failing",
                subject: "team/chat",
                example: #"{"pool":"team/chat","to":2,"fence":1}"#,
                fields: [
                    Self.pool,
                    FieldNote("to", "The count", unit: "workers"),
                ],
                more: [
                    MoreField("fence", .count, "The leader's number, under which it was applied")
                ])
        case .scaleFailed:
            Notes(
                when: "The target refused the count, or couldn't be reached; or workers that should have gone, or come, didn't",
                effect: "It is tried again. While the target fails, or start after start does, the pool isn't Ready and says why",
                subject: "team/chat",
                example: #"""
                    {"pool":"team/chat","error":"connection refused","attempt":1,"workers":[{"worker":"w-1",\#
                    "actor":"session-1"}],"specReplicas":3,"start":"w-2"}
                    """#,
                fields: [
                    Self.pool,
                    FieldNote("error", "What the target said"),
                    FieldNote("attempt", "How often it was tried, from 1"),
                    FieldNote("workers", "Workers whose drain was given up, with their actors"),
                    FieldNote("specReplicas", "Replicas that another program had set", unit: "workers"),
                    FieldNote("start", "The worker that didn't become ready"),
                ])
        case .timerFired:
            Notes(
                when: "A moment came at which a decision must be made again, such as the end of a cooldown",
                effect: "The pool is computed anew",
                subject: "team/chat",
                example: #"{"pool":"team/chat","deadline":"2026-11-21T07:32:00.000001Z","shadow":"chat-calm"}"#,
                fields: [
                    Self.pool,
                    FieldNote("deadline", "The moment"),
                    FieldNote("shadow", "The shadow whose moment it was"),
                ])
        case .snapshotObserved:
            Notes(
                when: "Object storage was asked for a snapshot",
                effect: "Its size is known from here on; or it is gone, and the actor starts from its template's",
                subject: "session-1",
                example: #"{"snapshot":"s3://agents/session-1/4","state":"present","bytes":268435456,"template":"research","toldAt":8}"#,
                fields: [
                    FieldNote("snapshot", "URI"),
                    FieldNote("state", "present or gone"),
                    FieldNote("bytes", "Its size", unit: "bytes"),
                    FieldNote("template", "The template whose golden snapshot it is: then the subject is the template"),
                    FieldNote("toldAt", "The event that told of the snapshot; a later suspension overtakes it", unit: "position"),
                ])
        case .prefetchSuggested:
            Notes(
                when: "A node will probably need a snapshot soon. A node's agent may follow these",
                effect: "Nothing waits for it",
                subject: "n-1",
                example: #"""
                    {"pool":"team/chat","node":"n-1","actor":"session-1","snapshot":"s3://agents/session-1/4",\#
                    "reason":"waits","bytes":268435456,"request":8,"wakeAt":"2026-11-21T07:32:00Z"}
                    """#,
                fields: [
                    Self.pool,
                    FieldNote("node", "The subject again"),
                    FieldNote("actor", "Who will need it"),
                    FieldNote("snapshot", "URI"),
                    FieldNote("reason", "Why: it waits, or it will wake"),
                    FieldNote("bytes", "Its size", unit: "bytes"),
                    FieldNote("request", "The actor.requested, if it waits", unit: "position"),
                    FieldNote("wakeAt", "When it will wake"),
                ])
        case .clockStepped:
            Notes(
                when: "The machine's clock was set back or forward while the service ran",
                effect: "Nothing follows: log time goes on by a monotonic clock",
                subject: "greenroom",
                example: #"{"microseconds":-3600000000}"#,
                fields: [
                    FieldNote("microseconds", "By how much; below 0 it was set back", unit: "microseconds")
                ])
        case .poolPaused:
            Notes(
                when: "Someone paused or resumed a pool",
                effect: "Scale-in or scale-out stops, or the count is held, until the next such event or another spec.pause",
                subject: "team/chat",
                example: #"{"pool":"team/chat","in":true,"out":false,"hold":3,"by":"ops","was":{"in":false,"out":false}}"#,
                fields: [
                    Self.pool,
                    FieldNote("in", "No scale-down"),
                    FieldNote("out", "No scale-up"),
                    FieldNote("hold", "Exactly so many", unit: "workers"),
                    FieldNote("by", "The token's name"),
                    FieldNote("was", "The pause before"),
                ])
        case .poolDeleted:
            Notes(
                when: "Someone deleted a pool that has neither policy, workers nor waiting actors",
                effect: "It isn't listed any more. Its history stays in the log, and the next event of the pool makes it again",
                subject: "team/chat",
                example: #"{"pool":"team/chat","by":"ops"}"#,
                fields: [
                    Self.pool,
                    FieldNote("by", "The token's name"),
                ])
        case .positionLost:
            Notes(
                when: "Events of this log were lost, and someone accepted it (log accept-loss)",
                effect: "Nothing follows. Their producers may send them again",
                subject: "greenroom",
                example: #"{"through":201,"reason":"the write-ahead log was damaged"}"#,
                fields: [
                    FieldNote("through", "The last of a run of lost positions", unit: "position"),
                    FieldNote("reason", "How they were lost"),
                ])
        case .leaderElected:
            Notes(
                when: "Another instance of a replicated log leads, and acts from here on",
                effect: "Nothing follows. What comes after it was decided by that instance",
                subject: "greenroom",
                example: #"{"instance":"greenroom-1","fence":4711}"#,
                fields: [
                    FieldNote("instance", "Its name"),
                    FieldNote("fence", "The stream's sequence of its election. A target's calls carry it"),
                ])
        }
    }

    private static let pool = FieldNote("pool", "NAMESPACE/NAME")
    private static let worker = FieldNote("worker", "The worker, within the actor's namespace or as NAMESPACE/NAME")
    private static let version = FieldNote(
        "version",
        """
        The actor's version, if its owner counts: an event with a version that isn't higher than the last one \
        changes nothing
        """)
    private static let corrects = FieldNote(
        "corrects",
        """
        The change of the actor that this one puts right, from a comparison with the system that hosts it. It counts whatever \
        the actor was, and only if nothing has happened to the actor since. The role worker may not send it
        """, unit: "position")
    private static let by = FieldNote(
        "by", "The name of the token that it came with, where the service has tokens: whatever the sender says here is replaced by it")
    private static let uid = FieldNote(
        "uid", "Tells workers of one name apart. An event with another uid than the worker's is late and changes nothing")
}
