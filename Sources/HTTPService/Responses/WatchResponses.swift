import Domain
import HTTPTransport
import HTTPTypes
import Views

// What moves, told as it moves?
//
// One stream of server-sent events for all that a page shows: all pools, one pool with its workers, its actors that changed, decisions and
// events. A message is made when the client has taken the one before and something has happened since: a slow client gets fewer, and
// always the newest state. Nothing is kept for it but its position. A message says when part of the log was skipped.

enum WatchResponses {
    enum Topic: String, Hashable, Sendable, CaseIterable {
        case board, pool, workers, actors, decisions, events

        var needsPool: Bool { self == .pool || self == .workers || self == .actors }
    }

    @Sendable static func watch(_ request: RoutedRequest) async throws -> Response {
        let topics = try topics(request.query)
        let pool = request.query.pool()
        if pool == nil, let topic = topics.first(where: \.needsPool) {
            throw Problem(.invalidRequest, "the topic \(topic.rawValue) is of one pool: give pool=NAMESPACE/NAME", field: "pool")
        }
        var after = try request.query.integer("after", in: 0...(.max))
        // A browser that lost its stream names the last message it saw, whatever the address says.
        if let seen = request.head.headerFields.first(where: { $0.name.canonicalName == "last-event-id" })?.value {
            guard let position = Position(seen), position >= 0 else {
                throw Problem(.invalidRequest, "Last-Event-ID must be the id of a message", field: "last-event-id")
            }
            after = position
        }
        guard let share = request.shared.watchesByName.enter(request.principal ?? "") else {
            let limit = request.limits.watchesOfOne
            throw Problem(
                .overloaded, "\(limit) watches are open for this token, the limit: close one, or watch several topics in one",
                retryAfterSeconds: request.limits.retryAfterSeconds)
        }
        let stream = WatchStream(request, topics: topics, pool: pool, after: after)
        let streaming = Response.Streaming(heartbeat: Array(": still here\n\n".utf8)) { writer in
            var stream = stream
            try await stream.run(to: writer)
            withExtendedLifetime(share) {}
        }
        var response = Response(contentType: "text/event-stream", .stream(streaming))
        response.fields[.cacheControl] = "no-store"
        return response
    }

    private static func topics(_ query: Query) throws(Problem) -> [Topic] {
        var topics: [Topic] = []
        for name in (query.text("topics") ?? "").split(separator: ",") {
            guard let topic = Topic(rawValue: String(name)) else {
                throw Problem(.invalidRequest, "unknown topic \"\(String(name.prefix(64)))\": there are \(known)", field: "topics")
            }
            if !topics.contains(topic) { topics.append(topic) }
        }
        guard !topics.isEmpty else { throw Problem(.invalidRequest, "topics must be some of \(known)", field: "topics") }
        return topics
    }

    private static let known = Topic.allCases.map(\.rawValue).joined(separator: ", ")
}

/// One client's watch.
private struct WatchStream: Sendable {
    private let shared: ServiceShared
    private let topics: [WatchResponses.Topic]
    private let pool: String?
    private let after: Position?

    /// What was told last.
    private var boardLook: UInt64?
    private var lastPool: PoolView??
    private var lastWorkers: [WorkerView]?

    /// Events of the log that are looked through for one message, and what of them it holds at most.
    private static let behindMost: Int64 = 16_384
    private static let itemsMost = 512
    private static let bytesMost = 1 << 20
    private static let pageItems = 64
    private static let workersMost = 1_000
    private static let actorKinds = Set(EventKind.allCases.filter { $0.subject == .actor })
    /// The loop folds a commit soon after it is there.
    private static let foldingWait = Duration.milliseconds(10)

    init(_ request: RoutedRequest, topics: [WatchResponses.Topic], pool: String?, after: Position?) {
        shared = request.shared
        self.topics = topics
        self.pool = pool
        self.after = after
    }

    mutating func run(to writer: ResponseWriter) async throws {
        let log = shared.parts.log
        var seen: Position?
        while !Task.isCancelled {
            let head = await log.lastPosition
            if let seen, head <= seen {
                await log.waitForEvents(after: seen)
                continue
            }
            // Told is the state of a position that the loop has folded.
            let position = min(head, await shared.parts.plane.position() ?? head)
            if let seen, position <= seen {
                try? await Task.sleep(for: Self.foldingWait)
                continue
            }
            let bytes = try await messages(after: seen ?? min(after ?? position, position), to: position)
            if !bytes.isEmpty { try await writer.write(bytes) }
            seen = position
            try? await Task.sleep(for: .seconds(shared.limits.watchSeconds))
        }
    }

    private mutating func messages(after: Position, to position: Position) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for topic in topics {
            let data: [UInt8]? =
                switch topic {
                case .board: try await board(position)
                case .pool: try await onePool(position)
                case .workers: try await workers(position)
                case .actors: try await actors(after, position)
                case .decisions: try await decisions(after, position)
                case .events: try await events(after, position)
                }
            guard let data else { continue }
            bytes.append(contentsOf: "id: \(position)\nevent: \(topic.rawValue)\ndata: ".utf8)
            bytes.append(contentsOf: data)
            bytes.append(contentsOf: "\n\n".utf8)
        }
        return bytes
    }

    // MARK: - States

    private mutating func board(_ position: Position) async throws -> [UInt8]? {
        let look = try await shared.board.look(atLeast: position)
        // A client that missed too much gets everything.
        let told = boardLook.flatMap { $0 >= look.removedSince ? $0 : nil }
        boardLook = look.number
        let items = look.items.filter { item in told.map { item.changed > $0 } ?? true }
        let removed = told.map { told in look.removed.filter { $0.at > told }.map(\.name) } ?? []
        guard told == nil || !items.isEmpty || !removed.isEmpty else { return nil }
        var json = JSONWriter(reservingBytes: items.reduce(256) { $0 + $1.json.count })
        json.openObject()
        json.member("seq", look.position)
        // Of the ages in it: a look may be older than this message.
        json.member("at", look.at)
        json.member("now", shared.parts.now())
        json.member("full", told == nil)
        json.key("items")
        json.openArray()
        // What was told when it changed has the ages of then.
        for item in items { json.raw(told == nil ? try ViewJSON.bytes(item.view) : item.json) }
        json.closeArray()
        json.key("removed")
        json.openArray()
        let names = Set(look.items.map(\.name))
        for name in removed where !names.contains(name) { json.string(name) }
        json.closeArray()
        json.closeObject()
        return json.bytes
    }

    private mutating func onePool(_ position: Position) async throws -> [UInt8]? {
        let view = await shared.parts.plane.pool(pool ?? "")
        let lasting = view?.lasting
        if let lastPool, lastPool == lasting { return nil }
        lastPool = .some(lasting)
        var json = JSONWriter(reservingBytes: 1_024)
        json.openObject()
        json.member("seq", position)
        json.key("pool")
        if let view { json.raw(try ViewJSON.bytes(view)) } else { json.null() }
        json.closeObject()
        return json.bytes
    }

    private mutating func workers(_ position: Position) async throws -> [UInt8]? {
        let views = await shared.parts.plane.workers(pool: pool, after: nil, limit: Self.workersMost)
        let lasting = views.map(\.lasting)
        if lastWorkers == lasting { return nil }
        lastWorkers = lasting
        return try items(views, position)
    }

    private func items(_ views: some Encodable, _ position: Position) throws -> [UInt8] {
        var json = JSONWriter(reservingBytes: 1_024)
        json.openObject()
        json.member("seq", position)
        json.key("items")
        json.raw(try ViewJSON.bytes(views))
        json.closeObject()
        return json.bytes
    }

    // MARK: - The log

    /// nil where more happened than a message holds.
    private func read(_ after: Position, _ position: Position, pool: String?, _ kinds: Set<EventKind>) async throws -> [EventPage]? {
        guard position - after <= Self.behindMost else { return nil }
        var query = EventPageQuery(after: after, limit: Self.pageItems, pool: pool, kinds: kinds, through: position)
        var pages: [EventPage] = []
        var (items, bytes) = (0, 0)
        while query.after < position {
            let (asked, log) = (query, shared.parts.log)
            let page = try await shared.followers.turns.take { try await log.read(asked) }
            for (event, _) in page.events {
                items += 1
                bytes += Int(event.body.count) + Int(event.extensions.count)
            }
            guard items <= Self.itemsMost, bytes <= Self.bytesMost else { return nil }
            if !page.batches.isEmpty { pages.append(page) }
            guard page.readTo > query.after else { break }
            query.after = page.readTo
        }
        return pages
    }

    private func actors(_ after: Position, _ position: Position) async throws -> [UInt8]? {
        guard let pages = try await read(after, position, pool: pool, Self.actorKinds) else { return missed("reset", position) }
        var seen: Set<String> = []
        var views: [ActorView] = []
        for page in pages {
            for (event, _) in page.events {
                let namespace = event.pool.isNone ? nil : QualifiedName.namespace(ofPool: page.names.text(of: event.pool))
                let text = page.names.text(of: event.subject)
                let name = namespace.map { QualifiedName.full(text, in: $0) } ?? text
                guard seen.insert(name).inserted else { continue }
                if let view = await shared.parts.plane.actor(name) {
                    views.append(view)
                } else if name != text, let view = await shared.parts.plane.actor(text) {
                    // One of another namespace than its pool's.
                    views.append(view)
                }
            }
        }
        return views.isEmpty ? nil : try items(views, position)
    }

    private func decisions(_ after: Position, _ position: Position) async throws -> [UInt8]? {
        guard let pages = try await read(after, position, pool: pool, [.scaleDecided]) else { return missed("skipped", position) }
        return logItems(pages, position) { DecisionResponses.write($0, $1, $2, to: &$3) }
    }

    private func events(_ after: Position, _ position: Position) async throws -> [UInt8]? {
        guard let pages = try await read(after, position, pool: pool, []) else { return missed("skipped", position) }
        return logItems(pages, position) { event, batch, names, json in
            var line: [UInt8] = []
            CloudEventWriter.append(event, of: batch, names: names, to: &line)
            json.raw(line)
        }
    }

    private func logItems(
        _ pages: [EventPage], _ position: Position, _ write: (CommittedEvent, CommittedBatch, any LogNames, inout JSONWriter) -> Void
    ) -> [UInt8]? {
        guard pages.contains(where: { !$0.batches.isEmpty }) else { return nil }
        var json = JSONWriter(reservingBytes: 4_096)
        json.openObject()
        json.member("seq", position)
        json.key("items")
        json.openArray()
        for page in pages {
            for (event, batch) in page.events { write(event, batch, page.names, &json) }
        }
        json.closeArray()
        json.closeObject()
        return json.bytes
    }

    private func missed(_ what: String, _ position: Position) -> [UInt8] {
        var json = JSONWriter(reservingBytes: 64)
        json.openObject()
        json.member("seq", position)
        json.member(what, true)
        json.closeObject()
        return json.bytes
    }
}
