import ControlLoop
import Domain

@testable import Inspection
@testable import Output

// What stands in for a service and a log in these tests?

/// Answers from a table of paths; keeps what it was asked.
actor TwinAPI: ServiceAPI {
    nonisolated let url = "http://twin"
    private var answers: [String: APIResponse]
    /// Lines by path; a path that isn't there gives none.
    private var lines: [String: [String]]
    private(set) var requests: [APIRequest] = []
    private(set) var paths: [String] = []

    init(_ answers: [String: APIResponse] = [:], lines: [String: [String]] = [:]) {
        self.answers = answers
        self.lines = lines
    }

    func send(_ request: APIRequest) async throws -> APIResponse {
        requests.append(request)
        return answers[request.path] ?? APIResponse(status: 404, body: [])
    }

    nonisolated func forEachLine(_ path: String, _ visit: ([UInt8]) async throws -> Bool) async throws {
        for line in await opened(path) {
            guard try await visit(Array(line.utf8)) else { return }
        }
    }

    func close() async {}

    private func opened(_ path: String) -> [String] {
        paths.append(path)
        return lines[path] ?? []
    }
}

extension APIResponse {
    init(_ json: String) { self.init(200, json) }
    init(_ status: Int, _ json: String) { self.init(status: status, body: Array(json.utf8)) }
}

/// Events from a list, filtered as the log filters.
struct TwinEvents: EventSource {
    var events: [EventRecord]
    /// nil is where the events end.
    var endsAt: LogTime?

    func end() async throws -> LogTime { endsAt ?? events.last?.at ?? .zero }

    func forEachEvent(_ query: EventQuery, _ visit: (EventRecord) async throws -> Bool) async throws {
        var left = query.limit ?? .max
        for event in events where event.seq > query.after {
            guard query.subject == nil || query.subject == event.subject, query.kind == nil || query.kind == event.kind,
                query.pool == nil || query.pool == event.pool
            else { continue }
            guard query.worker == nil || query.worker == (event.kind?.subject == .worker ? event.subject : event.data["worker"].string)
            else { continue }
            guard left > 0, query.includes(event), try await visit(event) else { return }
            left -= 1
        }
    }
}

/// Events written as a timeline: each a second after the one before, or at the time given.
struct Timeline {
    private(set) var events: [EventRecord] = []
    private var at = LogTime(rfc3339: "2026-11-21T08:00:00Z")!

    mutating func wait(_ seconds: Double) { at = at.adding(microseconds: Int64(seconds * 1e6)) }

    @discardableResult
    mutating func add(_ kind: String, _ subject: String, _ data: String = "{}", superseded: Bool = false) -> EventRecord {
        let seq = events.count + 1
        let flag = superseded ? #","superseded":true"# : ""
        let line =
            #"{"seq":\#(seq),"at":"\#(at.rfc3339)","specversion":"1.0","type":"dev.greenroom.\#(kind)","source":"test","subject":"\#(subject)","id":"\#(seq)"\#(flag),"data":\#(data)}"#
        let event = try! EventRecord(line: Array(line.utf8))
        events.append(event)
        return event
    }

    mutating func decide(_ pool: String, shadow: String? = nil, from: Int, to: Int, demand: Int? = nil, next: String? = nil) {
        let total = demand ?? to * 2
        let why =
            #"[{"step":"signal","code":"Demand","numbers":{"total":\#(total),"resident":1,"blocked":\#(total - 1),"pool_exhausted":\#(total - 1)},"text":"x"},{"step":"recommendation","code":"Recommended","numbers":{"trigger":"demand","value":\#(total),"threshold":2,"replicas":\#(to)},"text":"x"}]"#
        let direction = to > from ? "up" : to < from ? "down" : "none"
        let member = next.map { #","next":"\#($0)""# } ?? ""
        let who = shadow.map { #""shadow":"\#($0)","# } ?? ""
        add(
            "scale.decided", pool,
            #"{"pool":"\#(pool)",\#(who)"from":\#(from),"to":\#(to),"direction":"\#(direction)","why":\#(why)\#(member),"inputs":{"replicas":\#(from),"demand":{"resident":1}},"digest":"d"}"#
        )
    }
}

enum Samples {
    static let pool =
        #"{"namespace":"demo","name":"chat","target":"Process/chat","mode":"auto","min":0,"max":6,"desired":3,"ready":2,"busy":2,"idle":0,"starting":1,"draining":0,"lost":0,"demand":{"total":9,"resident":4,"waiting":5,"blocked":{"pool_exhausted":5}},"oldestWaitSeconds":1.25,"arrivalsPerSecond":{"seconds10":1,"minute1":1,"minutes5":1},"readyCondition":true,"active":true,"paused":false,"fallback":false,"ageSeconds":130}"#
    static let idlePool =
        #"{"namespace":"other","name":"x","target":"","mode":"auto","min":0,"max":10,"desired":0,"ready":0,"busy":0,"idle":0,"starting":0,"draining":0,"lost":0,"demand":{"total":0,"resident":0,"waiting":0,"blocked":{}},"arrivalsPerSecond":{"seconds10":0,"minute1":0,"minutes5":0},"readyCondition":false,"active":false,"paused":true,"fallback":false,"ageSeconds":5}"#
    static let worker =
        #"{"namespace":"demo","pool":"chat","name":"chat-w1","status":"PARTIAL","actors":["a","b","c","d","e"],"node":"n1","slots":8,"used":5,"ageSeconds":7300}"#
    static let actor =
        #"{"namespace":"demo","pool":"chat","template":"chat","id":"chat-001","status":"STATUS_RUNNING","worker":"chat-w1","node":"n1","version":4,"waitedSeconds":0.31,"seq":9,"ageSeconds":61}"#
    static let policy =
        #"{"namespace":"demo","name":"chat","digest":"0123456789abcdef","seq":1,"appliedAt":"2026-11-21T08:00:00Z","canonicalJSON":"{\"a\":1}"}"#

    static func view<View: Decodable>(_ json: String) throws -> View { try JSONValue(parsing: json).decode(View.self) }
}
