import Domain

// What does a policy object's status say, and what of it must be written?
//
// Pure: a status as it should be and the one the object has give a merge patch, or nothing where they agree. A condition's
// `lastTransitionTime` stays as long as its status does.

struct AutoscalerStatus: Hashable, Sendable {
    struct Condition: Hashable, Sendable {
        enum Kind: String, Hashable, Sendable, CaseIterable {
            case ready = "Ready"
            case active = "Active"
            case paused = "Paused"
            case fallback = "Fallback"
            case scalingLimited = "ScalingLimited"
        }

        var kind: Kind
        /// nil is `Unknown`.
        var holds: Bool?
        var reason: String
        var message: String

        var status: String { holds.map { $0 ? "True" : "False" } ?? "Unknown" }
    }

    struct Decision: Hashable, Sendable {
        var seq: Position
        var at: LogTime
        var from: Int
        var to: Int
        var reason: String
    }

    /// The generation whose spec was read last; nil where the object has none.
    var generation: Int?
    var target: String?
    var mode: String?
    var digest: String?
    var seq: Position?
    var desired: Int?
    var ready: Int?
    var lastDecision: Decision?
    var conditions: [Condition] = []

    /// As the schema has them.
    static let reasonCharacters = 4_096
    static let messageCharacters = 8_192

    subscript(_ kind: Condition.Kind) -> Condition? { conditions.first { $0.kind == kind } }

    /// What to patch `previous` with so that it says this; nil where it does. Every member is named, so that a merge takes away
    /// what no longer holds.
    func patch(of previous: JSONValue, now: LogTime) -> JSONValue? {
        let patch: JSONValue = [
            "observedGeneration": Self.integer(generation), "target": target.map { .string($0) } ?? .null,
            "mode": mode.map { .string($0) } ?? .null,
            "digest": digest.map { .string($0) } ?? .null, "seq": Self.integer(seq.map { Int($0) }), "desired": Self.integer(desired),
            "ready": Self.integer(ready),
            "lastDecision": lastDecision?.json ?? .null, "conditions": .array(conditions.map { json(of: $0, before: previous, now: now) }),
        ]
        // A bare nil would be JSON's null.
        return previous.merging(patch) == previous ? .none : .some(patch)
    }

    private func json(of condition: Condition, before previous: JSONValue, now: LogTime) -> JSONValue {
        let before = Self.condition(condition.kind, of: previous)
        let since = before["status"].string == condition.status ? before["lastTransitionTime"].string : nil
        var json: JSONValue = [
            "type": .string(condition.kind.rawValue), "status": .string(condition.status), "reason": .string(condition.reason),
            "message": .string(String(condition.message.prefix(Self.messageCharacters))),
            "lastTransitionTime": .string(since ?? now.rfc3339Seconds),
        ]
        if let generation { json["observedGeneration"] = JSONValue(generation) }
        return json
    }

    static func condition(_ kind: Condition.Kind, of status: JSONValue) -> JSONValue {
        status["conditions"].array.first { $0["type"].string == kind.rawValue } ?? .null
    }

    private static func integer(_ value: Int?) -> JSONValue { value.map { JSONValue($0) } ?? .null }
}

extension AutoscalerStatus.Decision {
    var json: JSONValue {
        [
            "seq": JSONValue(Int(seq)), "at": .string(at.rfc3339), "from": JSONValue(from), "to": JSONValue(to),
            "direction": .string(to > from ? "up" : to < from ? "down" : "none"),
            "reason": .string(String(reason.prefix(AutoscalerStatus.reasonCharacters))),
        ]
    }
}
