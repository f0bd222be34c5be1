import EventLog
import Domain
import HTTPTransport
import NIOCore

// How does a request that brings events as a whole get them into the log?
//
// On the event loop, without a task: the body's bytes are read where they lie into an `EventBatch`, the batch goes to the log, and
// the log's answer comes back by `EventIntake`. Nothing is answered before it is durable. One of these serves all requests of a mode,
// but in binary mode, where the attributes are the request's own, and for those with a token, which are signed.

final class EventIngest: RequestHandling {
    private let mode: IngestMode
    private let attributes: [(name: String, value: String)]
    private let intake: EventIntake
    /// nil where there are no tokens.
    private let sender: EventSender?

    init(_ mode: IngestMode, attributes: [(name: String, value: String)] = [], intake: EventIntake, sender: EventSender? = nil) {
        self.sender = sender
        self.mode = mode
        self.attributes = attributes
        self.intake = intake
    }

    func respond(to exchange: Exchange, body: ByteBuffer?) {
        var reader = CloudEventReader()
        if let fault = read(body ?? ByteBuffer(), with: &reader) { return exchange.reject(Problem(fault).response) }
        var batch = reader.takeBatch()
        do throws(Problem) { try sender?.sign(&batch) } catch { return exchange.reject(error.response) }
        guard !batch.isEmpty else { return intake.acknowledge(AppendReceipt(accepted: 0, duplicates: 0, positions: []), exchange) }
        if !intake.append(batch, bytes: body?.readableBytes ?? 0, for: exchange) { exchange.reject(intake.tooManyWaiting().response) }
    }

    private func read(_ body: ByteBuffer, with reader: inout CloudEventReader) -> EventFault? {
        body.withUnsafeReadableBytes { raw in
            let bytes = raw.assumingMemoryBound(to: UInt8.self)
            do throws(EventFault) {
                switch mode {
                case .event: try reader.readEvent(bytes)
                case .batch: try reader.readBatch(bytes)
                case .binary: try reader.readBinary(attributes: attributes, data: bytes)
                case .lines: preconditionFailure("a stream of lines is never collected")
                }
                return nil
            } catch {
                return error
            }
        }
    }
}
