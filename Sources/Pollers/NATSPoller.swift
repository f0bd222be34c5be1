import Autoscaling
import Foundation

// How many messages of a JetStream consumer are still work: waiting to be delivered, or delivered and not acknowledged?
//
// The monitoring endpoint's `/jsz` of one account. It lists the streams that the asked server holds. In a cluster only the
// consumer's leader knows the counts; a follower answers with counts that lag, and names the leader among its `replicas`,
// which are the servers other than itself. Such an answer is a fault, and so is one without a leader; another server behind
// the endpoint's name is asked first. A consumer that isn't
// there is a fault, not 0: a misspelt name must not look like an empty queue.

struct NATSPoller: Sendable {
    let client: PollClient
    var rule: AddressRule?

    struct Work: Hashable, Sendable {
        /// All of it, as the trigger counts it.
        var value: Double
        /// What of it was delivered and isn't acknowledged.
        var inFlight: Double
    }

    func work(_ poll: Poll, account: String, stream: String, consumer: String) async throws -> Work {
        try await client.getFromAny(poll, path: "/jsz", query: [("acc", account), ("consumers", "true")], rule: rule) { response in
            try Self.work(
                status: response.status, body: response.body, account: account, stream: stream, consumer: consumer,
                countsInFlight: poll.countsInFlight)
        }
    }

    static func work(
        status: Int, body: [UInt8], account: String, stream: String, consumer: String, countsInFlight: Bool
    ) throws(PollFault) -> Work {
        guard status == 200 else { throw PollFault("NATS answered \(status)") }
        guard let response = try? JSONDecoder().decode(Response.self, from: Data(body)) else {
            throw PollFault("NATS's response is no /jsz")
        }
        if response.disabled == true { throw PollFault("JetStream is not enabled on this server") }
        guard let found = response.account_details?.first(where: { $0.name == account || $0.id == account }) else {
            throw PollFault("NATS knows no account \(account), or it has no streams on this server")
        }
        guard let held = found.stream_detail?.first(where: { $0.name == stream }) else {
            throw PollFault("NATS has no stream \(stream) in \(account) on this server")
        }
        guard let read = held.consumer_detail?.first(where: { $0.name == consumer }) else {
            throw PollFault("the stream \(stream) has no consumer \(consumer)")
        }
        try checkLeads(read, consumer)
        let inFlight = countsInFlight ? Double(read.num_ack_pending ?? 0) : 0
        return Work(value: Double(read.num_pending) + inFlight, inFlight: inFlight)
    }

    /// Without `cluster` there is one server, which leads everything.
    private static func checkLeads(_ read: Response.Consumer, _ consumer: String) throws(PollFault) {
        guard let cluster = read.cluster else { return }
        guard let leader = cluster.leader, !leader.isEmpty else {
            throw PollFault("the consumer \(consumer) has no leader at the moment", isOfOneServer: true)
        }
        guard let others = cluster.replicas, others.contains(where: { $0.name == leader }) else { return }
        throw PollFault(
            "a follower of \(consumer) responded, and its counts lag; the leader is \(leader): name an endpoint that reaches it",
            isOfOneServer: true)
    }

    /// Names as they are on the wire.
    private struct Response: Decodable {
        var disabled: Bool?
        var account_details: [Account]?

        struct Account: Decodable {
            var name: String
            var id: String?
            var stream_detail: [Stream]?
        }

        struct Stream: Decodable {
            var name: String
            var consumer_detail: [Consumer]?
        }

        struct Consumer: Decodable {
            var name: String
            var num_pending: UInt64
            var num_ack_pending: UInt64?
            var cluster: Cluster?
        }

        struct Cluster: Decodable {
            var leader: String?
            /// The others, as the answering server sees them.
            var replicas: [Replica]?
        }

        struct Replica: Decodable {
            var name: String
        }
    }
}
