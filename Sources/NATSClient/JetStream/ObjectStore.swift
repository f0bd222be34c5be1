import Crypto
import Foundation
import Machine

// How are large things kept in JetStream?
//
// As other clients of NATS do it, so that their tools can read them: an object is chunks under a number of its own, and one message
// with its name, size, chunks and digest. That message is the commit: before it nobody sees the object, and an upload that broke leaves
// chunks that no list shows. Writing over an object gives it a new number; the chunks of the old one go after the commit. Whoever reads
// the old one at that moment is told that it is damaged, and reads again.

package struct ObjectInfo: Hashable, Sendable, Codable {
    package struct Options: Hashable, Sendable, Codable {
        package var chunkBytes: Int?
        enum CodingKeys: String, CodingKey { case chunkBytes = "max_chunk_size" }
    }

    package var name: String
    package var bucket: String
    /// The number under which its chunks are.
    package var nuid: String
    package var size: UInt64
    package var modified: String
    package var chunks: UInt64
    /// `SHA-256=` and the digest in Base64 for URLs.
    package var digest: String?
    package var isDeleted: Bool?
    package var options: Options?
    /// What its writer says of it.
    package var metadata: [String: String]?

    enum CodingKeys: String, CodingKey {
        case name, bucket, nuid, size, chunks, digest, options, metadata
        case modified = "mtime"
        case isDeleted = "deleted"
    }
}

package struct ObjectStore: Sendable {
    package let bucket: String
    private let js: JetStream
    private let options: Options

    package struct Options: Hashable, Sendable {
        package var chunkBytes = 128 << 10
        /// Chunks that are on their way at the same time.
        package var inFlight = 16
        /// How long the next chunk may take.
        package var chunkPatience = Duration.seconds(10)

        package init() {}
    }

    package init(_ js: JetStream, bucket: String, options: Options = Options()) throws(JetStreamError) {
        if let fault = NATSSubject.tokenFault(bucket, what: "bucket") { throw .invalid(fault) }
        self.js = js
        self.bucket = bucket
        self.options = options
    }

    package var stream: String { "OBJ_\(bucket)" }
    private func chunkSubject(_ nuid: String) -> String { "$O.\(bucket).C.\(nuid)" }
    private func metaSubject(_ name: String) -> String {
        let token = Data(name.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
        return "$O.\(bucket).M.\(token)"
    }

    /// Makes the bucket, or finds it.
    /// - Parameter compresses: whether the servers store it compressed.
    package func create(replicas: Int, compresses: Bool = false) async throws(JetStreamError) {
        var configuration = StreamConfiguration(name: stream, subjects: ["$O.\(bucket).C.>", "$O.\(bucket).M.>"])
        configuration.replicas = replicas
        if compresses { configuration.compression = .s2 }
        configuration.storage = .file
        configuration.discard = .new
        configuration.allowsRollup = true
        configuration.allowsDirectGet = true
        _ = try await js.createStream(configuration)
    }

    package func info(_ name: String) async throws(JetStreamError) -> ObjectInfo? {
        guard let info = try await meta(name), info.isDeleted != true else { return nil }
        return info
    }

    private func meta(_ name: String) async throws(JetStreamError) -> ObjectInfo? {
        try Self.check(name)
        guard let message = try await js.lastMessage(stream, subject: metaSubject(name)) else { return nil }
        guard let info = try? JSONDecoder().decode(ObjectInfo.self, from: Data(message.payload)),
            NATSSubject.tokenFault(info.nuid, what: "object") == nil
        else { throw .corrupt(object: name, problem: "what describes it can't be read") }
        return info
    }

    private static func check(_ name: String) throws(JetStreamError) {
        guard !name.isEmpty, name.utf8.count <= 512 else { throw .invalid("an object's name has 1 to 512 bytes") }
    }

    // MARK: Writing

    /// Writes what `next` gives, piece by piece, until it gives nil. Where it fails, nothing is visible and the chunks are removed.
    package func put(
        _ name: String, metadata: [String: String]? = nil, next: () async throws -> [UInt8]?
    ) async throws -> ObjectInfo {
        let former = try await meta(name)
        let nuid = String(UInt64.random(in: 0 ... .max), radix: 36) + String(UInt64.random(in: 0 ... .max), radix: 36)
        let info: ObjectInfo
        var flying: [FirstResult<PublishOutcome>] = []
        do { info = try await upload(name, nuid: nuid, metadata, &flying, next) } catch {
            // A purge overtakes chunks that aren't acknowledged yet, even on one connection: they would be stored after it.
            for chunk in flying { _ = try? await chunk.value() }
            _ = try? await js.purge(stream, subject: chunkSubject(nuid))
            throw error
        }
        // Whether this is lost or not, the object is there; what it leaves behind is removed by `sweep`.
        if let former, former.isDeleted != true { _ = try? await js.purge(stream, subject: chunkSubject(former.nuid)) }
        return info
    }

    /// - Parameter flying: chunks that aren't acknowledged, also when this throws.
    private func upload(
        _ name: String, nuid: String, _ metadata: [String: String]?, _ flying: inout [FirstResult<PublishOutcome>],
        _ next: () async throws -> [UInt8]?
    ) async throws -> ObjectInfo {
        var info = ObjectInfo(name: name, bucket: bucket, nuid: nuid, size: 0, modified: Self.now(), chunks: 0)
        info.isDeleted = false
        info.metadata = metadata
        info.options = ObjectInfo.Options(chunkBytes: options.chunkBytes)
        var digest = SHA256()
        var gathered: [UInt8] = []
        var last: UInt64 = 0
        func land() async throws {
            guard case .stored(let sequence) = try await flying.removeFirst().value() else {
                throw JetStreamError.corrupt(object: name, problem: "a chunk wasn't acknowledged: write it again")
            }
            // Chunks are read in the order of the stream.
            guard sequence > last else {
                throw JetStreamError.corrupt(object: name, problem: "chunks were stored out of order: write it again")
            }
            last = sequence
        }
        func send(_ chunk: [UInt8]) async throws {
            if flying.count >= max(1, options.inFlight) { try await land() }
            digest.update(data: chunk)
            info.size += UInt64(chunk.count)
            info.chunks += 1
            let result = FirstResult<PublishOutcome>()
            js.publish(StreamPublish(subject: chunkSubject(nuid), payload: chunk, stream: stream), timeout: options.chunkPatience) {
                result.give(.success($0))
            }
            flying.append(result)
        }
        while let piece = try await next() {
            try Task.checkCancellation()
            gathered += piece
            var start = 0
            while gathered.count - start >= options.chunkBytes {
                try await send(Array(gathered[start..<start + options.chunkBytes]))
                start += options.chunkBytes
            }
            gathered.removeFirst(start)
        }
        if !gathered.isEmpty { try await send(gathered) }
        while !flying.isEmpty { try await land() }
        info.digest = Self.text(digest.finalize())
        try await write(info)
        return info
    }

    private func write(_ info: ObjectInfo) async throws(JetStreamError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let payload = try? encoder.encode(info) else { throw .invalid("object \"\(info.name)\" can't be described") }
        let message = StreamPublish(
            subject: metaSubject(info.name), payload: Array(payload), headers: [.init(StreamPublish.Header.rollup, "sub")], stream: stream)
        switch await js.publish(message) {
        case .stored, .duplicate: return
        case .refused(let problem): throw .refused(problem, request: "object \(info.name)")
        case .notSent(let error), .silence(let error): throw .client(error, request: "object \(info.name)")
        case .noResponders, .inProcess, .wrongLastSequence: throw .unavailable(request: "object \(info.name)")
        }
    }

    // MARK: Reading

    /// Gives the object's content to `take`, in pieces; nil where there is no such object. The digest can be checked only at the end:
    /// whoever keeps the pieces uses them after this returned.
    package func get(_ name: String, take: ([UInt8]) async throws -> Void) async throws -> ObjectInfo? {
        guard let info = try await info(name) else { return nil }
        var digest = SHA256()
        var size: UInt64 = 0
        if info.chunks > 0 {
            var reading = OrderedReader.Options()
            reading.filter = chunkSubject(info.nuid)
            let reader = OrderedReader(js, stream: stream, from: 0, options: reading)
            do {
                for number in 1...info.chunks {
                    guard let chunk = try await reader.next(within: options.chunkPatience) else {
                        throw JetStreamError.corrupt(object: name, problem: "chunk \(number) of \(info.chunks) isn't there: read it again")
                    }
                    size += UInt64(chunk.payload.count)
                    guard size <= info.size else {
                        throw JetStreamError.corrupt(object: name, problem: "it is longer than \(info.size) bytes")
                    }
                    digest.update(data: chunk.payload)
                    try await take(chunk.payload)
                }
            } catch {
                await reader.stop()
                throw error
            }
            await reader.stop()
        }
        guard size == info.size else { throw JetStreamError.corrupt(object: name, problem: "it has \(size) of \(info.size) bytes") }
        let found = Self.text(digest.finalize())
        guard info.digest == nil || info.digest == found else {
            throw JetStreamError.corrupt(object: name, problem: "its digest is \(found) and should be \(info.digest ?? "")")
        }
        return info
    }

    /// All objects, by name.
    package func list() async throws(JetStreamError) -> [ObjectInfo] {
        let subjects = try await js.streamInfo(stream, subjects: "$O.\(bucket).M.>").state.subjects ?? [:]
        var found: [ObjectInfo] = []
        for subject in subjects.keys.sorted() {
            guard let message = try await js.lastMessage(stream, subject: subject),
                let info = try? JSONDecoder().decode(ObjectInfo.self, from: Data(message.payload)), info.isDeleted != true
            else { continue }
            found.append(info)
        }
        return found.sorted { $0.name < $1.name }
    }

    // MARK: Removing

    package func delete(_ name: String) async throws(JetStreamError) {
        guard var info = try await info(name) else { return }
        (info.isDeleted, info.size, info.chunks, info.digest, info.modified) = (true, 0, 0, "", Self.now())
        try await write(info)
        _ = try await js.purge(stream, subject: chunkSubject(info.nuid))
    }

    /// Removes chunks of uploads that never ended; those whose last chunk is younger may still be under way.
    /// - Parameter now: microseconds since 1970.
    /// - Returns: how many chunks went.
    package func sweep(olderThan age: Duration, now: Int64 = WallClock.microseconds()) async throws(JetStreamError) -> UInt64 {
        let prefix = "$O.\(bucket).C."
        let chunks = try await js.streamInfo(stream, subjects: "\(prefix)>").state.subjects ?? [:]
        // Listed after the chunks: what was committed in between is seen.
        let used = Set(try await list().map(\.nuid))
        let latest = now - age.wholeNanoseconds / 1_000
        var removed: UInt64 = 0
        for subject in chunks.keys.sorted() where subject.hasPrefix(prefix) && !used.contains(String(subject.dropFirst(prefix.count))) {
            guard let message = try await js.lastMessage(stream, subject: subject), message.nanoseconds / 1_000 < latest else { continue }
            removed += try await js.purge(stream, subject: subject)
        }
        return removed
    }

    private static func now() -> String { Date().formatted(.iso8601) }
    private static func text(_ digest: SHA256Digest) -> String {
        "SHA-256=" + Data(digest).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }
}
