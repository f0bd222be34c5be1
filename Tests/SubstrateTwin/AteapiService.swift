package import GRPCCore
import GRPCProtobuf
import SubstrateGateway
import SwiftProtobuf

// The twin's calls: each with its handler's time in the trailer `x-server-elapsed-us`, also where it fails.

struct AteapiService: RegistrableRPCService {
    let twin: AteapiTwin

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        unary("GetActor", &router) { (request: Ateapi_GetActorRequest) throws -> Ateapi_GetActorResponse in
            let actor = try twin.read { try $0.actor(request.actorRef) }
            return .with { $0.actor = actor }
        }
        unary("CreateActor", &router) { (request: Ateapi_CreateActorRequest) throws -> Ateapi_CreateActorResponse in
            let actor = try twin.change { try $0.create(request) }
            return .with { $0.actor = actor }
        }
        unary("UpdateActor", &router) { (request: Ateapi_UpdateActorRequest) throws -> Ateapi_UpdateActorResponse in
            let actor = try twin.change { try $0.update(request) }
            return .with { $0.actor = actor }
        }
        unary("DeleteActor", &router) { (request: Ateapi_DeleteActorRequest) throws -> Ateapi_DeleteActorResponse in
            try twin.change { try $0.delete(request.actorRef) }
            return Ateapi_DeleteActorResponse()
        }
        unary("ResumeActor", &router) { (request: Ateapi_ResumeActorRequest) async throws -> Ateapi_ResumeActorResponse in
            let actor = try await resume(request.actorRef)
            return .with { $0.actor = actor }
        }
        unary("SuspendActor", &router) { (request: Ateapi_SuspendActorRequest) async throws -> Ateapi_SuspendActorResponse in
            let actor = try await release(request.actorRef, pauses: false)
            return .with { $0.actor = actor }
        }
        unary("PauseActor", &router) { (request: Ateapi_PauseActorRequest) async throws -> Ateapi_PauseActorResponse in
            let actor = try await release(request.actorRef, pauses: true)
            return .with { $0.actor = actor }
        }
        unary("ListWorkers", &router) { (_: Ateapi_ListWorkersRequest) throws -> Ateapi_ListWorkersResponse in
            let workers = twin.read { $0.workers.values.sorted { $0.fullName < $1.fullName } }
            return .with { $0.workers = workers }
        }
        unary("ListActors", &router) { (request: Ateapi_ListActorsRequest) throws -> Ateapi_ListActorsResponse in
            try twin.read { try $0.page(request) }
        }
        unary("CreateAtespace", &router) { (request: Ateapi_CreateAtespaceRequest) throws -> Ateapi_CreateAtespaceResponse in
            let atespace = try twin.change { try $0.createAtespace(request.name) }
            return .with { $0.atespace = atespace }
        }
        unary("GetAtespace", &router) { (request: Ateapi_GetAtespaceRequest) throws -> Ateapi_GetAtespaceResponse in
            guard twin.read({ $0.atespaces.contains(request.name) }) else {
                throw AteapiStore.Fault(5, "Atespace \(request.name) not found")
            }
            return .with { $0.atespace.name = request.name }
        }
        unary("ListAtespaces", &router) { (_: Ateapi_ListAtespacesRequest) throws -> Ateapi_ListAtespacesResponse in
            let names = twin.read { $0.atespaces.sorted() }
            return .with { $0.atespaces = names.map { name in .with { $0.name = name } } }
        }
        unary("DeleteAtespace", &router) { (request: Ateapi_DeleteAtespaceRequest) throws -> Ateapi_DeleteAtespaceResponse in
            try twin.change { try $0.deleteAtespace(request.name) }
            return Ateapi_DeleteAtespaceResponse()
        }
    }

    private func unary<Request: Message, Response: Message, Transport: ServerTransport>(
        _ method: String, _ router: inout RPCRouter<Transport>, _ answer: @escaping @Sendable (Request) async throws -> Response
    ) {
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: "ateapi.Control", method: method),
            deserializer: ProtobufDeserializer<Request>(), serializer: ProtobufSerializer<Response>()
        ) { request, _ in
            let request = try await ServerRequest(stream: request)
            return StreamingServerResponse(single: await serve(method, request, answer))
        }
    }

    private func serve<Request: Message, Response: Message>(
        _ method: String, _ request: ServerRequest<Request>, _ answer: @Sendable (Request) async throws -> Response
    ) async -> ServerResponse<Response> {
        twin.note(method, request.metadata)
        if let token = twin.behaviour.token {
            let given = request.metadata[stringValues: "authorization"].first { _ in true }
            guard let given else { return ServerResponse(error: RPCError(code: .unauthenticated, message: "missing bearer token")) }
            guard given == "Bearer \(token)" else {
                return ServerResponse(error: RPCError(code: .unauthenticated, message: "invalid bearer token: malformed JWT"))
            }
        }
        let began = ContinuousClock.now
        func elapsed() -> Metadata {
            let time = ContinuousClock.now - began
            return ["x-server-elapsed-us": "\(Int64(time / .microseconds(1)))"]
        }
        do {
            let latency = twin.behaviour.latency
            if latency > .zero { try await nap(latency) }
            return ServerResponse(message: try await answer(request.message), metadata: [:], trailingMetadata: elapsed())
        } catch let fault as AteapiStore.Fault {
            let code = Status.Code(rawValue: fault.code).flatMap(RPCError.Code.init) ?? .unknown
            return ServerResponse(error: RPCError(code: code, message: fault.text, metadata: elapsed()))
        } catch {
            return ServerResponse(error: RPCError(code: .cancelled, message: "context canceled", metadata: elapsed()))
        }
    }

    // MARK: - What takes time

    private func resume(_ ref: Ateapi_ActorRef) async throws -> Ateapi_Actor {
        switch try twin.change({ try $0.beginResume(ref) }) {
        case .done(let actor): return actor
        case .underWay(let actor):
            let key = ActorKey(atespace: actor.atespace, id: actor.actorID)
            let fault = await agent(twin.behaviour.restore) ?? twin.nextRestoreFault(key)
            return try twin.change { try $0.endResume(key, fault: fault) }
        }
    }

    private func release(_ ref: Ateapi_ActorRef, pauses: Bool) async throws -> Ateapi_Actor {
        switch try twin.change({ try $0.beginRelease(ref, pauses: pauses) }) {
        case .done(let actor): return actor
        case .underWay(let actor):
            let key = ActorKey(atespace: actor.atespace, id: actor.actorID)
            let fault = await agent(twin.behaviour.checkpoint)
            return try twin.change { try $0.endRelease(key, pauses: pauses, fault: fault) }
        }
    }

    /// The node's agent at work: ended by the caller's end, and by ateapi's own limit.
    private func agent(_ duration: Duration) async -> AteapiStore.Fault? {
        let whole = twin.behaviour.whole
        do { try await nap(min(duration, whole)) } catch { return AteapiStore.Fault(1, "context canceled") }
        return duration > whole ? AteapiStore.Fault(4, "context deadline exceeded") : nil
    }

    private func nap(_ duration: Duration) async throws {
        let sleeping = Task { try await Task.sleep(for: duration) }
        try await withTaskCancellationHandler {
            try await withRPCCancellationHandler {
                try await sleeping.value
            } onCancelRPC: {
                sleeping.cancel()
            }
        } onCancel: {
            sleeping.cancel()
        }
    }
}

/// Bytes both ways, as reflection's stream has them.
struct EchoService: RegistrableRPCService {
    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: "grpc.reflection.v1.ServerReflection", method: "ServerReflectionInfo"),
            deserializer: RawBytes(), serializer: RawBytes()
        ) { request, _ in
            StreamingServerResponse(metadata: ["x-echo": "begun"]) { writer in
                for try await message in request.messages { try await writer.write(message) }
                return ["x-echo": "ended"]
            }
        }
    }
}

/// Messages as they are.
package struct RawBytes: MessageSerializer, MessageDeserializer {
    package init() {}
    package func serialize<Out: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Out { Out(message) }
    package func deserialize<In: GRPCContiguousBytes>(_ bytes: In) throws -> [UInt8] { bytes.withUnsafeBytes { Array($0) } }
}
