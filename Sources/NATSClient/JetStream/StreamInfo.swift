// What does the server say of a stream?
//
// The numbers are those of the server that answers. They may be behind what was acknowledged, and `isCurrent` was seen to be true of a
// replica that lacked everything: only an accepted conditional publish says what the last sequence is.

package struct StreamInfo: Hashable, Sendable, Decodable {
    package struct State: Hashable, Sendable, Decodable {
        package var messages: UInt64
        package var bytes: UInt64
        package var firstSequence: UInt64
        package var lastSequence: UInt64
        package var consumers: Int?
        /// Messages of each subject, where the request had a filter.
        package var subjects: [String: UInt64]?

        enum CodingKeys: String, CodingKey {
            case messages, bytes, subjects
            case firstSequence = "first_seq"
            case lastSequence = "last_seq"
            case consumers = "consumer_count"
        }
    }

    package struct Replica: Hashable, Sendable, Decodable {
        package var name: String
        package var isCurrent: Bool?
        package var isOffline: Bool?
        /// Nanoseconds since the answering server heard of it.
        package var active: Int64?
        package var lag: UInt64?

        enum CodingKeys: String, CodingKey {
            case name, active, lag
            case isCurrent = "current"
            case isOffline = "offline"
        }
    }

    package struct Cluster: Hashable, Sendable, Decodable {
        package var name: String?
        /// nil while there is none.
        package var leader: String?
        /// The others, seen from the one that answers.
        package var replicas: [Replica]?
    }

    package var configuration: StreamConfiguration
    /// As the server writes it. A stream that is deleted and made again has another one.
    package var created: String
    package var state: State
    package var cluster: Cluster?

    enum CodingKeys: String, CodingKey {
        case created, state, cluster
        case configuration = "config"
    }
}

/// What the account may use, and what the server can do.
package struct JetStreamAccount: Hashable, Sendable, Decodable {
    package struct API: Hashable, Sendable, Decodable {
        /// nil before 2.11.
        package var level: Int?
    }

    package var streams: Int?
    package var storage: UInt64?
    package var api: API?

    package var apiLevel: Int? { api?.level }
}
