import Domain
import Foundation
import Inspection
import Machine
import TestSupport
import Testing
import Views

@testable import Assembly

// A service that tries a policy on its own log and verifies it, seen over HTTP; and the desk at which that is done.

@Suite(.serialized, .timeLimit(.minutes(3)))
struct LabServedTests {
    private func post(_ served: Served, _ path: String, _ body: String = "{}") async throws -> (status: Int, json: JSONValue) {
        let type = body == "{}" ? "application/json" : "application/yaml"
        let request = APIRequest(method: .post, path: path, contentType: type, body: Array(body.utf8))
        let response = try #require(await served.query(request))
        return (response.status, try JSONValue(parsing: response.body))
    }

    @Test func aPolicyIsTriedOnTheServicesOwnLogWhichIsSound() async throws {
        let served = try Served()
        try await served.start()
        try await served.put(Served.chatPolicy, "demo/chat")
        for number in 0..<5 { try await served.request("a\(number)", pool: "demo/chat") }
        let whatIf = try await post(served, "/v1/pools/demo/chat/whatif", Served.chatPolicy)
        #expect(whatIf.status == 200, "\(whatIf.json)")
        #expect(whatIf.json["turns"].integer == 5 && whatIf.json["runs"].array.map { $0["turns"].integer } == [5, 5, 5])
        let verified = try await post(served, "/v1/log/verify")
        let head = try JSONValue(parsing: try await served.text("/v1/moments"))["head"].integer
        #expect(verified.status == 200 && verified.json["sound"].bool == true)
        #expect((verified.json["decisions"].integer ?? 0) > 0 && (verified.json["lastSeq"].integer ?? 0) <= head ?? 0)
        let nowhere = try await post(served, "/v1/pools/demo/nowhere/whatif", Served.chatPolicy.replacing("chat", with: "nowhere"))
        #expect(nowhere.status == 404)
    }
}

@Suite(.timeLimit(.minutes(1)))
struct WorkDeskTests {
    @Test func oneAtATime() async throws {
        let desk = WorkDesk("test", limit: .seconds(60), tooLong: "")
        let (began, end) = (Latch(), Latch())
        let first = Task { () throws(ControlFault) -> Int in
            try await desk.run { () throws(ControlFault) in
                began.open()
                await end.wait()
                return 1
            }
        }
        await began.wait()
        await #expect(throws: ControlFault.overloaded(retryAfterSeconds: 5)) { try await desk.run { () throws(ControlFault) in 2 } }
        end.open()
        #expect(try await first.value == 1)
        #expect(try await desk.run { () throws(ControlFault) in 3 } == 3)
    }

    @Test func whatTakesTooLongIsEndedAndSaysSo() async throws {
        let desk = WorkDesk("test", limit: .milliseconds(1), tooLong: "too long")
        let wasCancelled = Locked(false)
        await #expect(throws: ControlFault.unavailable("too long")) {
            try await desk.run { () throws(ControlFault) in
                while !Task.isCancelled { await Task.yield() }
                wasCancelled.value = true
            }
        }
        #expect(wasCancelled.value)
        // The desk is free again.
        await #expect(throws: ControlFault.conflict("x")) {
            try await WorkDesk("test", limit: .seconds(60), tooLong: "").run { () throws(ControlFault) in throw .conflict("x") }
        }
    }
}
