import Autoscaling
import Foundation

// How many messages of a JetStream consumer wait to be delivered?
//
// The monitoring endpoint's `/jsz` of one account. It tells of the streams that the asked server holds; in a cluster the
// endpoint must reach a server that holds a replica. A consumer that isn't there is a fault, not 0: a misspelt name must not
// look like an empty queue.

struct NATSPoller: Sendable {
    let client: PollClient

    func pending(_ poll: Poll, account: String, stream: String, consumer: String) async throws -> Double {
        let answer = try await client.get(poll, path: "/jsz", query: [("acc", account), ("consumers", "true")])
        return try Self.pending(status: answer.status, body: answer.body, account: account, stream: stream, consumer: consumer)
    }

    static func pending(status: Int, body: [UInt8], account: String, stream: String, consumer: String) throws(PollFault) -> Double {
        guard status == 200 else { throw PollFault("NATS answered \(status)") }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(body)) else { throw PollFault("what NATS answered is no /jsz") }
        if answer.disabled == true { throw PollFault("JetStream is not enabled on this server") }
        guard let found = answer.account_details?.first(where: { $0.name == account || $0.id == account }) else {
            throw PollFault("NATS knows no account \(account), or it has no streams on this server")
        }
        guard let held = found.stream_detail?.first(where: { $0.name == stream }) else { throw PollFault("NATS has no stream \(stream) in \(account) on this server") }
        guard let read = held.consumer_detail?.first(where: { $0.name == consumer }) else { throw PollFault("the stream \(stream) has no consumer \(consumer)") }
        return Double(read.num_pending)
    }

    /// Names as they are on the wire.
    private struct Answer: Decodable {
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
        }
    }
}
