import Kubernetes

// What is asked, by whom, and what may be done to the answer on command?

package struct TwinRequest: Sendable {
    package var method: String
    /// As it came, with the query.
    package var uri: String
    /// Without the query.
    package var path: String
    package var query: [String: String]
    package var headers: [String: String]
    package var body: [UInt8]

    package var isWatch: Bool { ["1", "true"].contains(query["watch"] ?? "") }
    var token: String? { headers["authorization"].flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil } }

    init(method: String, uri: String, headers: [String: String], body: [UInt8]) {
        self.method = method
        self.uri = uri
        self.headers = headers
        self.body = body
        let parts = uri.split(separator: "?", maxSplits: 1)
        path = parts.first.map(String.init) ?? "/"
        query = [:]
        guard parts.count == 2 else { return }
        for item in parts[1].split(separator: "&") {
            let sides = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[sides[0].removingPercent] = sides.count == 2 ? sides[1].removingPercent : ""
        }
    }
}

/// Who may do what.
package struct TwinUser: Sendable {
    package var name: String
    package var groups: [String]
    /// Verb, resource (`workerpools/scale`), group.
    package var mayDo: @Sendable (_ verb: String, _ resource: String, _ group: String) -> Bool

    package init(_ name: String, groups: [String] = [], mayDo: @escaping @Sendable (String, String, String) -> Bool) {
        self.name = name
        self.groups = groups
        self.mayDo = mayDo
    }

    package static let admin = TwinUser("admin", groups: ["system:masters"]) { _, _, _ in true }
    /// May look at everything of Kubernetes' own and of WorkerPools, and change nothing.
    package static let viewer = TwinUser("viewer", groups: ["nobody"]) { verb, _, group in
        ["get", "list", "watch"].contains(verb) && group != "external.metrics.k8s.io"
    }
    static let anonymous = TwinUser("system:anonymous", groups: ["system:unauthenticated"]) { _, _, _ in false }
}

/// Trouble on command.
package struct TwinFault: Sendable {
    package enum Action: Sendable {
        /// An answer of this status in place of the real one.
        case respond(status: Int, retryAfterSeconds: Int? = nil, body: String = "")
        /// The connection ends without an answer.
        case cut
        /// The request is carried out, and the connection ends without its answer.
        case cutAfter
        /// The answer comes later.
        case delay(milliseconds: Int64)
        /// No answer comes at all.
        case hang
    }

    package var action: Action
    /// How many requests it meets; nil for all.
    package var times: Int?
    package var meets: @Sendable (TwinRequest) -> Bool

    package init(_ action: Action, times: Int? = 1, meets: @escaping @Sendable (TwinRequest) -> Bool = { _ in true }) {
        self.action = action
        self.times = times
        self.meets = meets
    }
}
