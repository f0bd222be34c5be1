import Domain
import EventLog
import HTTPTypes
import NIOCore
import NIOHTTPTypes

// How does an event get from the socket into the log?
//
// On the event loop, without a task: the body's bytes are read where they lie into an `EventBatch`, the batch goes to the
// log, and the log's answer comes back by `appended`. Nothing is answered before it is durable.

extension RequestHandler {
    func admitEvents(_ facts: HeadFacts, _ head: HTTPRequest) throws(Problem) {
        mode = try IngestMode(contentType: facts.contentType, hasBinaryHeaders: facts.hasBinaryHeaders)
        switch mode {
        case .event, .batch: break
        case .binary: binaryAttributes = try BinaryAttributes.from(head.headerFields)
        case .lines:
            acknowledgesChunks = MediaType.accepts(facts.accept, "application/x-ndjson")
            lines = LineIngest(limits: limits)
            input = .lines
        }
    }

    /// The body is whole: reads it and hands it to the log.
    func ingestBody() {
        var reader = CloudEventReader()
        if let fault = read(with: &reader) { return refuse(Problem(fault)) }
        let batch = reader.takeBatch()
        let bytes = bodyBytes
        releaseBody()
        guard !batch.isEmpty else { return acknowledge(AppendReceipt(accepted: 0, duplicates: 0, positions: [])) }
        awaitsLog = true
        if !state.append(batch, bytes: bytes, for: self) {
            awaitsLog = false
            refuse(tooManyWaiting())
        }
    }

    private func read(with reader: inout CloudEventReader) -> EventFault? {
        let mode = mode
        let attributes = binaryAttributes
        return (body ?? ByteBuffer()).withUnsafeReadableBytes { raw in
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

    /// The log's answer. Where the client went away meanwhile, there is nobody to tell.
    func appended(_ result: Result<AppendReceipt, AppendError>) {
        guard awaitsLog, context != nil else { return }
        awaitsLog = false
        if lines != nil { return linesAppended(result) }
        switch result {
        case .success(let receipt): acknowledge(receipt)
        case .failure(let refusal): refuse(Problem(refusal, retryAfterSeconds: limits.retryAfterSeconds))
        }
    }

    func acknowledge(_ receipt: AppendReceipt) {
        guard let context, output == .none else { return }
        var bytes = context.channel.allocator.buffer(capacity: 80 + receipt.positions.count * 12)
        Acknowledgement.write(receipt, to: &bytes)
        var fields = state.acknowledgementFields
        // HTTP/2 frames say where a body ends; HTTP/1.1 needs the length.
        if isHTTP1 { fields[.contentLength] = String(bytes.readableBytes) }
        write(.ok, fields, bytes, context)
    }

    func tooManyWaiting() -> Problem {
        Problem(.overloaded, "too many requests wait for the log: send it again later", retryAfterSeconds: limits.retryAfterSeconds)
    }

    // MARK: - A stream of lines

    func takeLines(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { lines?.take($0) }
        // A chunk that is full doesn't wait for the end of the read.
        if lines?.isChunkFull == true { pumpLines() }
    }

    func endLines() {
        lines?.end()
        pumpLines()
    }

    /// Hands the next chunk to the log where none is there, holds reading back or lets it on, and answers where all is done.
    func pumpLines() {
        guard lines != nil, output != .ended else { return }
        if !awaitsLog, let chunk = lines?.takeChunk() {
            awaitsLog = true
            if !state.append(chunk.batch, bytes: chunk.bytes, for: self) {
                awaitsLog = false
                lines?.fail(tooManyWaiting())
            }
        }
        if lines?.mustPause == true || !takesAcknowledgements { isReadingPaused = true } else { resumeReading() }
        if !awaitsLog { answerLinesIfDone() }
    }

    /// A client that is told of each chunk, and doesn't read it, sends no more.
    private var takesAcknowledgements: Bool {
        guard acknowledgesChunks, let context, !context.channel.isWritable else {
            unreadSince = nil
            return true
        }
        if unreadSince == nil { unreadSince = state.now }
        return false
    }

    private func linesAppended(_ result: Result<AppendReceipt, AppendError>) {
        switch result {
        case .success(let receipt):
            lines?.note(receipt)
            if acknowledgesChunks { acknowledgeChunk(receipt) }
        case .failure(let refusal):
            lines?.fail(Problem(refusal, retryAfterSeconds: limits.retryAfterSeconds))
        }
        pumpLines()
    }

    private func answerLinesIfDone() {
        if let problem = lines?.problemToReport {
            if output == .none { return refuse(problem) }
            writePart(ByteBuffer(bytes: problem.body + [UInt8(ascii: "\n")]))
            if input == .lines { input = .swallowing }
            lines = nil
            return endAnswer()
        }
        guard let totals = lines?.finalTotals else { return }
        lines = nil
        if output == .none, !acknowledgesChunks { return acknowledge(totals) }
        if output == .none { openChunkAnswer() }
        endAnswer()
    }

    private func acknowledgeChunk(_ receipt: AppendReceipt) {
        if output == .none { openChunkAnswer() }
        var bytes = ByteBuffer()
        Acknowledgement.write(receipt, to: &bytes)
        bytes.writeInteger(UInt8(ascii: "\n"))
        writePart(bytes)
    }

    private func openChunkAnswer() {
        guard let context else { return }
        output = .open
        status = 200
        let fields: HTTPFields = [.contentType: "application/x-ndjson", .date: state.date]
        context.write(wrapOutboundOut(.head(HTTPResponse(status: .ok, headerFields: fields))), promise: nil)
    }

    private func writePart(_ bytes: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(.body(bytes)), promise: nil)
    }

    func linesStalled() {
        lines?.stop(Problem(.requestTimeout, "the stream stopped: nothing came for \(limits.idleSeconds) s"))
        pumpLines()
    }

    func resumeReading() {
        guard isReadingPaused else { return }
        isReadingPaused = false
        if hasHeldRead {
            hasHeldRead = false
            context?.read()
        }
    }
}
