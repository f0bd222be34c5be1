import Domain
import Foundation
import Kubernetes
import Testing

@testable import Kubernetes

// What a real Agent Sandbox controller was seen to do, and what the book made of it.

struct ClaimRecording: Sendable, CustomTestStringConvertible {
    enum Kind: String, Sendable { case sandbox = "s", claim = "c", pool = "p" }

    struct Event: Sendable {
        /// After the scenario's first mark.
        var milliseconds: Int
        /// ADDED, MODIFIED or DELETED.
        var type: String
        var kind: Kind
        var object: KubernetesObject
    }

    var name: String
    var title: String
    var events: [Event]

    var testDescription: String { name }

    static let all: [ClaimRecording] = {
        guard let url = Bundle.module.url(forResource: "agent-sandbox-watches", withExtension: "json", subdirectory: "Fixtures"),
            let bytes = try? Data(contentsOf: url), let json = try? JSONValue(parsing: bytes)
        else { return [] }
        return json["scenarios"].array.map { scenario in
            ClaimRecording(
                name: scenario["name"].string ?? "", title: scenario["title"].string ?? "",
                events: scenario["events"].array.compactMap { event in
                    let parts = event.array
                    guard parts.count == 4, let kind = parts[2].string.flatMap({ Kind(rawValue: $0) }) else { return nil }
                    return Event(
                        milliseconds: parts[0].int ?? 0, type: parts[1].string ?? "", kind: kind, object: KubernetesObject(parts[3]))
                })
        }
    }()

    static func named(_ name: String) throws -> ClaimRecording { try #require(all.first { $0.name == name }) }

    /// What was there before the recording began: whatever is told of first as changed or gone. Claims had their sandbox, Ready, and
    /// sandboxes that are claimed later were their pool's.
    var before: (claims: [ClaimView], sandboxes: [SandboxView], pools: [KubernetesObject]) {
        var seen: Set<String> = []
        let first = events.filter { event in
            seen.insert("\(event.kind.rawValue)/\(event.object.name)").inserted && event.type != "ADDED"
        }
        let claims = first.filter { $0.kind == .claim }.map { event in
            var view = ClaimView(event.object)
            (view.isReady, view.end, view.reason) = (view.sandbox != nil, nil, view.sandbox == nil ? "" : "DependenciesReady")
            return view
        }
        let sandboxes = first.filter { $0.kind == .sandbox }.map { event in
            var view = SandboxView(event.object)
            (view.isReady, view.isBeingDeleted, view.node) = (true, false, view.node ?? "node-1")
            if case .claim(let uid, _) = view.owner, !view.isCold, !claims.contains(where: { $0.uid == uid && $0.sandbox == view.name }) {
                view.owner = .pool(claims.first { $0.uid == uid }?.pool ?? "pool")
            }
            return view
        }
        return (claims, sandboxes, first.filter { $0.kind == .pool }.map(\.object))
    }

    /// Names of pools that are there or asked for.
    var pools: [String] {
        Set(events.compactMap { $0.kind == .pool ? $0.object.name : $0.kind == .claim ? ClaimView($0.object).pool : nil }).sorted()
    }
}

/// A book that is fed, and keeps all that it said.
struct BookBench {
    var book = ClaimBook(run: "r1")
    var tellings: [(milliseconds: Int, telling: ClaimTelling)] = []

    /// Feeds a whole recording, with what is held let go at the end.
    /// - Parameter isLate: of which kind everything comes half a second late.
    static func fed(_ recording: ClaimRecording, late: ClaimRecording.Kind? = nil) -> BookBench {
        var bench = BookBench()
        let start = (recording.events.first?.milliseconds ?? 0) - 1
        for pool in recording.pools { bench.book.follow("ns/\(pool)", target: pool, known: ClaimStanding(), at: time(start)) }
        let before = recording.before
        for pool in before.pools { bench.book.see(pool["spec"]["replicas"].int ?? 0, target: pool.name, at: time(start)) }
        bench.book.take(claims: before.claims, at: time(start))
        bench.book.take(sandboxes: before.sandboxes, at: time(start))
        bench.keep(start)
        var due = recording.events.map { (at: $0.milliseconds + ($0.kind == late ? 500 : 0), event: $0) }
        if late != nil { due.sort { $0.at < $1.at } }
        for (at, event) in due {
            bench.book.wake(at: time(at))
            bench.take(event, at: at)
            bench.keep(at)
        }
        let end = (due.last?.at ?? 0) + 5_000
        bench.book.wake(at: time(end))
        bench.keep(end)
        return bench
    }

    /// The same clock for all, and never negative.
    static func time(_ milliseconds: Int) -> Duration { .milliseconds(milliseconds + 3_600_000) }

    mutating func take(_ event: ClaimRecording.Event, at milliseconds: Int) {
        let now = Self.time(milliseconds)
        switch (event.kind, event.type) {
        case (.claim, "DELETED"): book.takeGone(claim: event.object.uid, at: now)
        case (.claim, _): book.take(ClaimView(event.object), at: now)
        case (.sandbox, "DELETED"): book.takeGone(sandbox: event.object.uid, at: now)
        case (.sandbox, _): book.take(SandboxView(event.object), at: now)
        case (.pool, "DELETED"): book.see(nil, target: event.object.name, at: now)
        case (.pool, _): book.see(event.object["spec"]["replicas"].int ?? 0, target: event.object.name, at: now)
        }
    }

    mutating func keep(_ milliseconds: Int) {
        for telling in book.takeTellings() { tellings.append((milliseconds, telling)) }
    }

    /// A line each: `85 c1 running on pool-x, warm, after 80 ms`.
    var lines: [String] { tellings.map { "\($0.milliseconds) \($0.telling.line)" } }
}

extension ClaimTelling {
    var line: String {
        switch what {
        case .requested(let launch, let reason):
            "\(name) requested" + (launch.map { ", \($0.rawValue)" } ?? "") + (reason.map { ": \($0)" } ?? "")
        case .withdrawn(let reason): "\(name) withdrawn: \(reason)"
        case .running(let sandbox, let launch, _, let millis):
            "\(name) running on \(sandbox), \(launch.rawValue)" + (millis.map { ", after \($0) ms" } ?? "")
        case .suspended(let sandbox): "\(name) suspended on \(sandbox)"
        case .crashed(let sandbox, let reason): "\(name) crashed on \(sandbox ?? "-"): \(reason)"
        case .deleted(let reason): "\(name) deleted: \(reason)"
        case .ready(_, _, let millis): "sandbox \(name) ready" + (millis.map { ", after \($0) ms" } ?? "")
        case .draining(let reason): "sandbox \(name) drains: \(reason)"
        case .gone(let reason): "sandbox \(name) gone: \(reason)"
        }
    }
}
