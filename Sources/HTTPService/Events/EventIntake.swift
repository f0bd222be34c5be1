import EventLog
import Domain
import HTTPTransport
import HTTPTypes
import NIOCore

// How does one event loop's events get into the log, and the log's answers back to those who wait?
//
// Touched on its event loop alone. A batch goes to the log with a ticket; the log's answers come back by the mailbox, a whole commit
// at once, and each connection is flushed once for all of them. How many requests and bytes wait is limited here.

final class EventIntake {
    private let log: any EventAppending
    private let limits: ServerLimits
    private unowned let loop: TransportLoop
    private let mailbox: CompletionMailbox

    private var waiting: [Waiting] = []
    private var freeTickets: [Int] = []
    private var spareAnswers: [CompletionMailbox.Response] = []
    private var requestsAwaitingLog = 0
    private var bytesAwaitingLog = 0
    /// The header of every acknowledgement but its length.
    private var acknowledgementFields = HTTPFields()

    private struct Waiting {
        var exchange: Exchange?
        /// Which of the exchange's requests.
        var number: Int
        /// nil where the body came as a whole.
        var lines: LineReceiver?
        var bytes: Int
    }

    /// - Parameter limits: this loop's share.
    init(log: any EventAppending, limits: ServerLimits, loop: TransportLoop) {
        self.log = log
        self.limits = limits
        self.loop = loop
        mailbox = CompletionMailbox(eventLoop: loop.eventLoop)
    }

    func dateChanged(_ date: String) { acknowledgementFields = [.contentType: "application/json", .date: date] }

    func close() { mailbox.close() }

    // MARK: - To the log and back

    /// Hands a batch to the log; false where this loop's share of what may wait is used up.
    func append(_ batch: EventBatch, bytes: Int, for exchange: Exchange, lines: LineReceiver? = nil) -> Bool {
        guard requestsAwaitingLog < limits.requestsAwaitingLog, bytesAwaitingLog + bytes <= limits.bytesAwaitingLog else { return false }
        requestsAwaitingLog += 1
        bytesAwaitingLog += bytes
        let entry = Waiting(exchange: exchange, number: exchange.number, lines: lines, bytes: bytes)
        let ticket: Int
        if let free = freeTickets.popLast() {
            ticket = free
            waiting[ticket] = entry
        } else {
            ticket = waiting.count
            waiting.append(entry)
        }
        let mailbox = mailbox
        let me = NIOLoopBound(self, eventLoop: loop.eventLoop)
        log.append(batch) { result in mailbox.deliver(result, ticket: ticket, to: me) }
        return true
    }

    /// Writes all answers that are there, then flushes each connection once.
    func collectAnswers() {
        var answers = mailbox.take(leaving: &spareAnswers)
        loop.coalescingFlushes {
            for response in answers {
                let entry = waiting[response.ticket]
                waiting[response.ticket].exchange = nil
                waiting[response.ticket].lines = nil
                freeTickets.append(response.ticket)
                requestsAwaitingLog -= 1
                bytesAwaitingLog -= entry.bytes
                // Where the client went away meanwhile, there is nobody to tell.
                guard let exchange = entry.exchange, exchange.number == entry.number else { continue }
                if let lines = entry.lines { lines.appended(response.result, exchange) } else { appended(response.result, exchange) }
            }
        }
        answers.removeAll(keepingCapacity: true)
        spareAnswers = answers
    }

    private func appended(_ result: Result<AppendReceipt, AppendError>, _ exchange: Exchange) {
        guard exchange.isUnanswered else { return }
        switch result {
        case .success(let receipt): acknowledge(receipt, exchange)
        case .failure(let refusal): exchange.reject(Problem(refusal, retryAfterSeconds: limits.retryAfterSeconds).response)
        }
    }

    // MARK: - Answers

    /// - Parameter isAllConflicts: nothing of what was sent is in the log.
    func acknowledge(_ receipt: AppendReceipt, _ exchange: Exchange, isAllConflicts: Bool? = nil) {
        guard exchange.isUnanswered else { return }
        if !receipt.conflicts.isEmpty, isAllConflicts ?? (receipt.conflicts.count == receipt.accepted + receipt.duplicates) {
            return exchange.reject(Problem(allConflicts: receipt).response)
        }
        var bytes = exchange.allocator.buffer(capacity: 80 + receipt.positions.count * 12)
        Acknowledgement.write(receipt, to: &bytes)
        var fields = acknowledgementFields
        // HTTP/2 frames say where a body ends; HTTP/1.1 needs the length.
        if exchange.isHTTP1 { fields[.contentLength] = String(bytes.readableBytes) }
        exchange.write(.ok, fields, bytes)
    }

    func tooManyWaiting() -> Problem {
        Problem(.overloaded, "too many requests wait for the log: send it again later", retryAfterSeconds: limits.retryAfterSeconds)
    }
}
