import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Output
import SubstrateGateway
import SwiftProtobuf
import Synchronization

// What answers the gateway in its benchmark, in ateapi's place?
//
// Not ateapi: actors and workers in memory, ateapi's messages and its one refusal, over TLS. Every answer comes at once, but for a restore's:
// how long that takes is an option. So what is measured is the gateway and the calls' own way, not a store. It runs in a process of its own
// (`bench upstream`), and ends with its standard input.

package struct BenchUpstream: Sendable {
    package static let pool = (namespace: "demo", name: "pool-a")
    package static let template = "counter"
    package static let atespace = "bench"
    /// Added for the benchmark: workers that come at once, and what was asked so far.
    static let addWorkers = MethodDescriptor(fullyQualifiedService: "greenroom.Bench", method: "AddWorkers")
    static let counts = MethodDescriptor(fullyQualifiedService: "greenroom.Bench", method: "Counts")

    package var port: Int
    package var certificate: String
    package var key: String
    package var actors: Int
    /// Of these so many run, each on a worker.
    package var running: Int
    package var restoreMillis: Int

    package init(port: Int, certificate: String, key: String, actors: Int, running: Int, restoreMillis: Int) {
        self.port = port
        self.certificate = certificate
        self.key = key
        self.actors = actors
        self.running = running
        self.restoreMillis = restoreMillis
    }

    /// Until standard input ends.
    package func run() async throws {
        let fleet = BenchFleet(actors: actors, running: running)
        let transport = HTTP2ServerTransport.Posix(
            address: .ipv4(host: "127.0.0.1", port: port),
            transportSecurity: .tls(
                certificateChain: [.file(path: certificate, format: .pem)], privateKey: .file(path: key, format: .pem)),
            config: .defaults { config in
                config.http2.maxConcurrentStreams = 10_000
                // With it, a stream that ends is now and then reset before its answer is out.
                config.connection.flushCoalescing = nil
            })
        let server = GRPCServer(transport: transport, services: [BenchUpstreamService(fleet: fleet, restore: .milliseconds(restoreMillis))])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.serve() }
            group.addTask {
                await Self.inputEnd()
                server.beginGracefulShutdown()
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private static func inputEnd() async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                while let bytes = try? FileHandle.standardInput.read(upToCount: 1), !bytes.isEmpty {}
                continuation.resume()
            }
        }
    }
}

/// What was asked of it, by all its clients.
struct BenchUpstreamCounts: Codable, Hashable, Sendable {
    var resumes = 0
    var listCalls = 0
    /// Of the answers' messages.
    var listBytes = 0
    /// Whole lists of actors that ended.
    var lists = 0
}

/// The fleet, behind a lock.
private final class BenchFleet: Sendable {
    struct State {
        var actors: [String: Ateapi_Actor] = [:]
        var order: [String] = []
        var workers: [Ateapi_Worker] = []
        var free: [Int] = []
        var counts = BenchUpstreamCounts()
    }

    let state = Mutex(State())

    init(actors: Int, running: Int) {
        addWorkers(running)
        state.withLock { state in
            for number in 0..<actors {
                var actor = Ateapi_Actor.with {
                    $0.actorID = "a\(number)"
                    $0.atespace = BenchUpstream.atespace
                    $0.actorTemplateNamespace = BenchUpstream.pool.namespace
                    $0.actorTemplateName = BenchUpstream.template
                    $0.status = .suspended
                    $0.version = 1
                }
                if number < running { Self.claim(&actor, &state) }
                if number < running { Self.finish(&actor) }
                state.actors[actor.actorID] = actor
                state.order.append(actor.actorID)
            }
        }
    }

    func addWorkers(_ count: Int) {
        state.withLock { state in
            for _ in 0..<count {
                let number = state.workers.count
                state.workers.append(
                    .with {
                        $0.workerNamespace = BenchUpstream.pool.namespace
                        $0.workerPool = BenchUpstream.pool.name
                        $0.workerPod = "w-\(number)"
                        $0.workerPodUid = "uid-\(number)"
                        $0.ip = "127.30.\(number / 250 % 250).\(number % 250)"
                        $0.nodeName = "node-\(number % 50)"
                        $0.version = 1
                    })
                state.free.append(number)
            }
        }
    }

    @discardableResult
    static func claim(_ actor: inout Ateapi_Actor, _ state: inout State) -> Bool {
        guard let number = state.free.popLast() else { return false }
        state.workers[number].actorID = actor.actorID
        state.workers[number].actorAtespace = actor.atespace
        state.workers[number].actorNamespace = actor.actorTemplateNamespace
        state.workers[number].actorTemplate = actor.actorTemplateName
        state.workers[number].version += 1
        let worker = state.workers[number]
        actor.status = .resuming
        actor.version += 1
        actor.ateomPodNamespace = worker.workerNamespace
        actor.ateomPodName = worker.workerPod
        actor.ateomPodIp = worker.ip
        actor.ateomPodUid = worker.workerPodUid
        actor.workerPoolName = worker.workerPool
        return true
    }

    static func finish(_ actor: inout Ateapi_Actor) {
        actor.status = .running
        actor.version += 1
    }
}

private struct BenchUpstreamService: RegistrableRPCService {
    let fleet: BenchFleet
    let restore: Duration

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        unary("GetActor", &router) { (request: Ateapi_GetActorRequest) in
            let actor = try actor(request.actorRef.name)
            return Ateapi_GetActorResponse.with { $0.actor = actor }
        }
        unary("ResumeActor", &router) { (request: Ateapi_ResumeActorRequest) in
            let actor = try await resume(request.actorRef.name)
            return Ateapi_ResumeActorResponse.with { $0.actor = actor }
        }
        unary("ListWorkers", &router) { (_: Ateapi_ListWorkersRequest) in
            try count(fleet.state.withLock { state in .with { $0.workers = state.workers } } as Ateapi_ListWorkersResponse, isEnd: false)
        }
        unary("ListActors", &router) { (request: Ateapi_ListActorsRequest) in
            let page = fleet.state.withLock { state -> Ateapi_ListActorsResponse in
                let start = min(max(Int(request.pageToken) ?? 0, 0), state.order.count)
                let end = min(start + (request.pageSize > 0 ? Int(request.pageSize) : 1_000), state.order.count)
                return .with {
                    $0.actors = state.order[start..<end].compactMap { state.actors[$0] }
                    if end < state.order.count { $0.nextPageToken = "\(end)" }
                }
            }
            return try count(page, isEnd: page.nextPageToken.isEmpty)
        }
        bytes(BenchUpstream.addWorkers, &router) { message in
            fleet.addWorkers(Int(String(decoding: message, as: UTF8.self)) ?? 0)
            return []
        }
        bytes(BenchUpstream.counts, &router) { _ in
            Array(try JSONEncoder().encode(fleet.state.withLock { $0.counts }))
        }
    }

    private func actor(_ name: String) throws -> Ateapi_Actor {
        guard let actor = fleet.state.withLock({ $0.actors[name] }) else {
            throw RPCError(code: .notFound, message: "Actor \(name) not found")
        }
        return actor
    }

    private func resume(_ name: String) async throws -> Ateapi_Actor {
        if try actor(name).status == .running { return try actor(name) }
        let claimed = fleet.state.withLock { state -> Ateapi_Actor? in
            state.counts.resumes += 1
            guard var actor = state.actors[name], actor.status == .suspended, BenchFleet.claim(&actor, &state) else { return nil }
            state.actors[name] = actor
            return actor
        }
        guard var actor = claimed else { throw RPCError(code: .failedPrecondition, message: "no free workers available") }
        try await Task.sleep(for: restore)
        BenchFleet.finish(&actor)
        let running = actor
        fleet.state.withLock { $0.actors[name] = running }
        return running
    }

    private func count<Response: Message>(_ response: Response, isEnd: Bool) throws -> Response {
        let bytes: [UInt8] = try response.serializedBytes()
        fleet.state.withLock { state in
            state.counts.listCalls += 1
            state.counts.listBytes += bytes.count
            if isEnd { state.counts.lists += 1 }
        }
        return response
    }

    private func unary<Request: Message, Response: Message, Transport: ServerTransport>(
        _ method: String, _ router: inout RPCRouter<Transport>, _ response: @escaping @Sendable (Request) async throws -> Response
    ) {
        bytes(MethodDescriptor(fullyQualifiedService: "ateapi.Control", method: method), &router) { message in
            try await response(Request(serializedBytes: message)).serializedBytes()
        }
    }

    private func bytes<Transport: ServerTransport>(
        _ method: MethodDescriptor, _ router: inout RPCRouter<Transport>, _ response: @escaping @Sendable ([UInt8]) async throws -> [UInt8]
    ) {
        router.registerHandler(forMethod: method, deserializer: PlainBytes(), serializer: PlainBytes()) { request, _ in
            let request = try await ServerRequest(stream: request)
            do {
                return StreamingServerResponse(single: ServerResponse(message: try await response(request.message)))
            } catch let error as RPCError {
                return StreamingServerResponse(single: ServerResponse(of: [UInt8].self, error: error))
            }
        }
    }
}

/// Messages as they are.
struct PlainBytes: MessageSerializer, MessageDeserializer {
    func serialize<Out: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Out { Out(message) }
    func deserialize<In: GRPCContiguousBytes>(_ bytes: In) throws -> [UInt8] { bytes.withUnsafeBytes { Array($0) } }
}
