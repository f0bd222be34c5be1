import Basics
import Domain
import EventLog
import Foundation
import Logging
import Machine
import Testing

@testable import EventLog
@testable import Outward

// A real log, a clock that sleeps move, and a receiver that a test scripts.

final class OutwardStage: Sendable {
    let folder: URL
    let clock = Locked(OutwardStage.start)
    private let ids = Locked(0)
    private let open: Locked<EventLog>

    var log: EventLog { open.value }

    static let start = LogTime(rfc3339: "2026-11-21T08:00:00Z") ?? .zero

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-outward-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        open = Locked(try Self.openLog(folder, clock, "greenroom.db"))
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(at: folder)
    }

    private static func openLog(_ folder: URL, _ clock: Locked<LogTime>, _ name: String) throws -> EventLog {
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent(name).path)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { clock.value }
        return try EventLog.open(configuration)
    }

    /// The service stops and starts again.
    func reopen() throws {
        log.close()
        open.value = try Self.openLog(folder, clock, "greenroom.db")
    }

    func advance(_ seconds: Double) { clock.withValue { $0 = $0.adding(microseconds: Int64(seconds * 1e6)) } }

    /// Appends one event; answers its position.
    @discardableResult
    func add(
        _ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, _ body: String = "{}", traceparent: String? = nil
    ) -> Position {
        let id = ids.withValue { ids in
            ids += 1
            return ids
        }
        var batch = EventBatch()
        if let traceparent {
            var reader = CloudEventReader()
            let json =
                #"{"specversion":"1.0","type":"dev.greenroom.\#(kind.name)","source":"/test","id":"\#(id)","subject":"\#(subject)","traceparent":"\#(traceparent)","data":\#(body)}"#
            Array(json.utf8).withUnsafeBufferPointer { bytes in
                do throws(EventFault) { try reader.readEvent(bytes) } catch { Issue.record("a test sent a bad event: \(error)") }
            }
            batch = reader.takeBatch()
        } else {
            batch.append(
                kind, source: kind.isOurs ? CommittedEvent.ownSource : "/test", id: "\(id)", subject: subject,
                pool: kind.carriesPool ? pool ?? "ns/p" : nil, worker: worker, body: Array(body.utf8))
        }
        log.append(batch) { result in
            if case .failure(let error) = result { Issue.record("the log refused: \(error)") }
        }
        return log.head.seq
    }

    func decide(_ pool: String = "ns/p", to: Int = 2, code: String = "Demand", shadow: String? = nil) {
        let shadow = shadow.map { #","shadow":"\#($0)""# } ?? ""
        add(
            .scaleDecided, pool, pool: pool,
            #"{"from":1,"to":\#(to),"direction":"up","why":[{"step":"bounds","code":"\#(code)"}],"inputs":{"asOf":1},"digest":"d"\#(shadow)}"#
        )
    }

    /// Sleeps move the clock and end at once.
    func surroundings(slept: Locked<[Duration]> = Locked([])) -> EventSink.Surroundings {
        EventSink.Surroundings(
            now: { [clock] in clock.value },
            sleep: { [clock] duration in
                try Task.checkCancellation()
                slept.withValue { $0.append(duration) }
                clock.withValue { $0 = $0.adding(microseconds: Int64(duration / .microseconds(1))) }
                await Task.yield()
            }, folded: { [weak self] in self?.log.head.seq ?? 0 }, seed: 1)
    }

    func selection(_ events: [String] = [], pools: [String] = [], shadows: Bool = false) throws -> EventSelection {
        var unknown = ""
        return try #require(EventSelection(events, pools: pools, shadows: shadows, unknown: &unknown))
    }
}

/// Answers as the test says, and keeps what it took.
final class ScriptedReceiver: OutboundPosting {
    private let taken = Locked<[OutboundRequest]>([])
    private let count = Locked(0)
    private let script: @Sendable (_ attempt: Int, _ request: OutboundRequest) -> OutboundAnswer

    init(_ script: @escaping @Sendable (_ attempt: Int, _ request: OutboundRequest) -> OutboundAnswer = { _, _ in .ok }) {
        self.script = script
    }

    func post(_ request: OutboundRequest) async -> OutboundAnswer {
        let attempt = count.withValue { count in
            defer { count += 1 }
            return count
        }
        let answer = script(attempt, request)
        if answer.isSuccess { taken.withValue { $0.append(request) } }
        return answer
    }

    func shutdown() async {}

    var requests: [OutboundRequest] { taken.value }
    var attempts: Int { count.value }

    /// Positions of the events that it took, in structured mode.
    var positions: [Int64] { requests.compactMap { (try? JSONValue(parsing: $0.body))?["seq"].integer } }
}

extension OutboundAnswer {
    static var ok: OutboundAnswer { .status(202, retryAfterSeconds: nil, body: []) }
    static func code(_ status: Int) -> OutboundAnswer { .status(status, retryAfterSeconds: nil, body: []) }
}
