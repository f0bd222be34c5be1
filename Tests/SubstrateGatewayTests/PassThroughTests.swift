import Foundation
import GRPCCore
import SubstrateTwin
import SwiftProtobuf
import TestSupport
import Testing

@testable import SubstrateGateway

@Suite("Calls pass the gateway as they are")
struct PassThroughTests {
    @Test("codes, texts, messages and trailers are those of ateapi")
    func verbatim() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(atespaces: ["team-a", "empty"], actors: 3)
            let ref = GatewayStage.resumeRequest("a0").actorRef
            let missing = GatewayStage.resumeRequest("nobody").actorRef
            func same(_ method: String, _ request: some Message) async throws {
                let near = try await stage.call(method, request)
                let far = try await stage.call(method, request, on: stage.direct)
                #expect(near == far, "\(method)")
            }
            try await same("GetActor", Ateapi_GetActorRequest.with { $0.actorRef = ref })
            try await same("GetActor", Ateapi_GetActorRequest.with { $0.actorRef = missing })
            try await same("GetActor", Ateapi_GetActorRequest())
            try await same("ListActors", Ateapi_ListActorsRequest.with { $0.pageSize = 2 })
            try await same("ListActors", Ateapi_ListActorsRequest.with { $0.pageSize = -1 })
            try await same("ListActors", Ateapi_ListActorsRequest.with { $0.pageToken = "bad" })
            try await same("ListWorkers", Ateapi_ListWorkersRequest())
            try await same("ListAtespaces", Ateapi_ListAtespacesRequest())
            try await same("GetAtespace", Ateapi_GetAtespaceRequest.with { $0.name = "none" })
            try await same("DeleteAtespace", Ateapi_DeleteAtespaceRequest.with { $0.name = "team-a" })
            try await same("SuspendActor", Ateapi_SuspendActorRequest.with { $0.actorRef = ref })
            try await same("PauseActor", Ateapi_PauseActorRequest.with { $0.actorRef = missing })
            try await same("ResumeActor", Ateapi_ResumeActorRequest())
            try await same("DebugClear", Ateapi_DebugClearRequest())
            #expect(try await stage.call("ateapi.Control", "Nothing", [1, 2]).code == 12)
            #expect(try await stage.call("ateapi.SessionIdentity", "MintJWT", [1]).code == 12)
            #expect(try await stage.call("grpc.health.v1.Health", "Check", []).code == 12)
            // A field that this version doesn't know goes along.
            let newer = try await stage.call(
                "ateapi.Control", "ResumeActor",
                try GatewayStage.resumeRequest("nobody").serializedBytes() + [0xfa, 0x06, 0x01, 0x78])
            #expect(newer.code == 5 && newer.text == "Actor nobody not found")
        }
    }

    @Test("metadata reaches ateapi: tracing and credentials, and no deadline of a resume's")
    func metadata() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            let trace: Metadata = ["traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "authorization": "Bearer t"]
            _ = try await stage.call(
                "GetActor", Ateapi_GetActorRequest.with { $0.actorRef = GatewayStage.resumeRequest("a0").actorRef }, metadata: trace)
            let call = try #require(stage.twin.calls.last { $0.method == "GetActor" })
            #expect(call.metadata["traceparent"]?.hasSuffix("-01") == true && call.metadata["authorization"] == "Bearer t")
        }
    }

    @Test("a stream of both sides passes, as reflection's does")
    func stream() async throws {
        try await GatewayStage.run { stage in
            let echoed = try await stage.client.bidirectionalStreaming(
                request: StreamingClientRequest { writer in
                    for number in 0..<50 { try await writer.write([UInt8](repeating: UInt8(number), count: 10_000)) }
                },
                descriptor: MethodDescriptor(fullyQualifiedService: "grpc.reflection.v1.ServerReflection", method: "ServerReflectionInfo"),
                serializer: RawBytes(), deserializer: RawBytes(), options: .defaults
            ) { response in
                #expect(response.metadata[stringValues: "x-echo"].first { _ in true } == "begun")
                var count = 0
                for try await message in response.messages {
                    #expect(message == [UInt8](repeating: UInt8(count), count: 10_000))
                    count += 1
                }
                return count
            }
            #expect(echoed == 50)
        }
    }

    @Test("an answer that breaks off in the middle ends with UNAVAILABLE, long before any deadline")
    func brokenAnswer() async throws {
        try await GatewayStage.run { stage in
            let (began, begin) = AsyncStream.makeStream(of: Void.self)
            let cutting = Task {
                for await _ in began { await stage.twin.kill() }
            }
            let code = try await stage.client.bidirectionalStreaming(
                request: StreamingClientRequest { writer in
                    try await writer.write([1])
                    try await Task.sleep(for: .seconds(30))
                },
                descriptor: MethodDescriptor(fullyQualifiedService: "grpc.reflection.v1.ServerReflection", method: "ServerReflectionInfo"),
                serializer: RawBytes(), deserializer: RawBytes(), options: .defaults
            ) { response in
                do {
                    for try await _ in response.messages { begin.yield() }
                    return RPCError.Code.unknown
                } catch let error as RPCError { return error.code }
            }
            begin.finish()
            await cutting.value
            #expect(code == .unavailable)
        }
    }

    @Test("calls that are whole are not reset: ateapi's side may count resets, and end the connection with all its calls")
    func wholeCalls() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            let request = Ateapi_GetActorRequest.with { $0.actorRef = GatewayStage.resumeRequest("a0").actorRef }
            // The twin's server takes 200 resets in half a minute.
            let codes = try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        var codes: [Int] = []
                        for _ in 0..<60 { codes.append(try await stage.call("GetActor", request).code) }
                        return codes
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(codes.count == 960 && codes.allSatisfy { $0 == 0 })
        }
    }

    @Test("large pages, many at once")
    func pages() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 2_500)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let answer = try await stage.call("ListActors", Ateapi_ListActorsRequest.with { $0.pageSize = 1_000 })
                        return try Ateapi_ListActorsResponse(serializedBytes: answer.message).actors.count
                    }
                }
                for try await count in group { #expect(count == 1_000) }
            }
        }
    }

    @Test("a call whose caller leaves is cancelled upstream, and a deadline passes")
    func cancelled() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            stage.twin.addWorkers(1)
            #expect(try await stage.resume("a0").code == 0)
            stage.twin.behave { $0.checkpoint = .seconds(20) }
            let ref = GatewayStage.resumeRequest("a0").actorRef
            let answer = try? await stage.call("SuspendActor", Ateapi_SuspendActorRequest.with { $0.actorRef = ref }, seconds: 0.3)
            #expect(answer == nil || answer?.code == 4)
            // Its lock is free again: the call was cancelled there too.
            try await eventually("cancelled") {
                let again = try? await stage.call("SuspendActor", Ateapi_SuspendActorRequest.with { $0.actorRef = ref }, seconds: 0.3)
                return again?.code != 10
            }
        }
    }

    @Test("the router's health probe is answered within its half second while hundreds are parked")
    func probe() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 300)
            let parked = Task {
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<300 { group.addTask { _ = try? await stage.resume("a\(number)") } }
                }
            }
            try await eventually("parked") { await stage.loop.pool("demo/pool-a")?.demand.waiting == 300 }
            // The median: a busy machine may hold up one of them, and a gateway that queues them holds up all.
            var took: [Duration] = []
            for _ in 0..<11 {
                let began = ContinuousClock.now
                let answer = try await stage.call("ListActors", Ateapi_ListActorsRequest.with { $0.pageSize = 1 }, seconds: 20)
                #expect(answer.code == 0)
                took.append(ContinuousClock.now - began)
            }
            #expect(took.sorted()[5] < .milliseconds(500))
            parked.cancel()
            await parked.value
            try await eventually("all left") { await stage.loop.pool("demo/pool-a")?.demand.waiting == 0 }
        }
    }

    @Test("what the gateway adds to a call is measured")
    func added() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            let request = Ateapi_GetActorRequest.with { $0.actorRef = GatewayStage.resumeRequest("a0").actorRef }
            func measure(_ client: GatewayStage.Client) async throws -> (p50: Duration, p99: Duration) {
                var times: [Duration] = []
                for _ in 0..<500 {
                    let began = ContinuousClock.now
                    _ = try await stage.call("GetActor", request, on: client)
                    times.append(ContinuousClock.now - began)
                }
                times.sort()
                return (times[250], times[495])
            }
            _ = try await (measure(stage.direct), measure(stage.client))
            let (far, near) = try await (measure(stage.direct), measure(stage.client))
            print("*** MEASURED: GetActor direct p50 \(far.p50) p99 \(far.p99), through the gateway p50 \(near.p50) p99 \(near.p99)")
            #expect(near.p50 < .seconds(1))
        }
    }
}
