import EventLog
import Domain
import HTTPTransport
import HTTPTypes
import NIOCore

// How does a stream of lines get into the log while it comes?
//
//     bytes ─→ LineIngest ─chunk→ EventIntake ─→ log ─→ appended ─→ the next chunk, …, the totals
//
// One chunk is at the log at a time; the next one gathers meanwhile, and reading pauses once it is full. A client that accepts
// `application/x-ndjson` gets an acknowledgement of each chunk. While it doesn't read them, its lines aren't read either.

final class LineReceiver: BodyReceiving {
    private var lines: LineIngest
    private let acknowledgesChunks: Bool
    private let intake: EventIntake
    private let limits: ServerLimits
    /// nil where there are no tokens.
    private let sender: EventSender?
    private var awaitsLog = false
    private var isDone = false

    init(limits: ServerLimits, acknowledgesChunks: Bool, intake: EventIntake, sender: EventSender? = nil) {
        self.sender = sender
        lines = LineIngest(limits: limits)
        self.limits = limits
        self.acknowledgesChunks = acknowledgesChunks
        self.intake = intake
    }

    // MARK: - The body

    func receive(_ bytes: ByteBuffer, _ exchange: Exchange) {
        bytes.withUnsafeReadableBytes { lines.take($0) }
        // A chunk that is full doesn't wait for the end of the read.
        if lines.isChunkFull { pump(exchange) }
    }

    func readCompleted(_ exchange: Exchange) { pump(exchange) }
    func writable(_ exchange: Exchange) { pump(exchange) }

    func ended(_ exchange: Exchange) {
        lines.end()
        pump(exchange)
    }

    func stopped(_ refusal: Refusal, _ exchange: Exchange) {
        lines.stop(Problem(refusal))
        pump(exchange)
    }

    // MARK: - The log

    func appended(_ result: Result<AppendReceipt, AppendError>, _ exchange: Exchange) {
        awaitsLog = false
        guard exchange.isUnanswered || exchange.isAnswering else { return }
        switch result {
        case .success(let receipt):
            lines.note(receipt)
            if acknowledgesChunks { acknowledgeChunk(receipt, exchange) }
        case .failure(let refusal):
            lines.fail(Problem(refusal, retryAfterSeconds: limits.retryAfterSeconds))
        }
        pump(exchange)
    }

    /// Hands the next chunk to the log where none is there, holds reading back or lets it on, and answers where all is done.
    private func pump(_ exchange: Exchange) {
        guard !isDone else { return }
        if !awaitsLog, var chunk = lines.takeChunk() {
            awaitsLog = true
            if let problem = sign(&chunk.batch) {
                awaitsLog = false
                lines.fail(problem)
            } else if !intake.append(chunk.batch, bytes: chunk.bytes, for: exchange, lines: self) {
                awaitsLog = false
                lines.fail(intake.tooManyWaiting())
            }
        }
        if lines.mustPause || !takesAcknowledgements(exchange) { exchange.pauseReading() } else { exchange.resumeReading() }
        if !awaitsLog { answerIfDone(exchange) }
    }

    private func sign(_ batch: inout EventBatch) -> Problem? {
        do throws(Problem) { try sender?.sign(&batch) } catch { return error }
        return nil
    }

    /// A client that gets an acknowledgement of each chunk and doesn't read it can send no more.
    private func takesAcknowledgements(_ exchange: Exchange) -> Bool { !acknowledgesChunks || exchange.isRead() }

    // MARK: - The answer

    private func answerIfDone(_ exchange: Exchange) {
        if let problem = lines.problemToReport {
            isDone = true
            if exchange.isUnanswered { return exchange.reject(problem.response) }
            exchange.writePart(ByteBuffer(bytes: problem.body + [UInt8(ascii: "\n")]))
            exchange.discardRest()
            return exchange.endAnswer()
        }
        guard let totals = lines.finalTotals else { return }
        isDone = true
        if exchange.isUnanswered, !acknowledgesChunks {
            return intake.acknowledge(totals, exchange, isAllConflicts: lines.isAllConflicts)
        }
        open(exchange)
        exchange.endAnswer()
    }

    private func acknowledgeChunk(_ receipt: AppendReceipt, _ exchange: Exchange) {
        open(exchange)
        var bytes = ByteBuffer()
        Acknowledgement.write(receipt, to: &bytes)
        bytes.writeInteger(UInt8(ascii: "\n"))
        exchange.writePart(bytes)
    }

    private func open(_ exchange: Exchange) {
        if exchange.isUnanswered { exchange.openAnswer(.ok, [.contentType: "application/x-ndjson"]) }
    }
}
