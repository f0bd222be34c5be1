import Domain
import Foundation
import Kubernetes
import NIOCore
import Synchronization

// What do the twin's connections share?
//
// The API, the open watches and the faults, all under one lock.

final class TwinCore: Sendable {
    struct Watcher: Sendable {
        var start: TwinAPI.WatchStart
        /// Called with the lock held; only hands over.
        var send: @Sendable ([JSONValue]) -> Void
        var end: @Sendable (_ cut: Bool) -> Void
    }

    private struct State {
        var api: TwinAPI
        var controller: PoolController?
        var watchers: [Int: Watcher] = [:]
        var nextWatcher = 0
        var faults: [TwinFault] = []
        var requests: [TwinRequest] = []
        var channels: [ObjectIdentifier: any Channel] = [:]
        var channelsOpened = 0
        var underWay = 0
        var aggregator: TwinAggregator?
    }

    private let state: Mutex<State>
    let bookmarksEvery: Duration

    init(_ configuration: KubernetesTwin.Configuration) {
        bookmarksEvery = configuration.bookmarksEvery
        let api = TwinAPI(
            store: ObjectStore(version: configuration.firstVersion), resources: configuration.resources, users: configuration.users,
            certificateUser: configuration.requiresClientCertificate ? .admin : nil,
            time: { LogTime(microseconds: Int64(Date().timeIntervalSince1970 * 1e6)) })
        let controller = configuration.controllerNodes.map { PoolController(nodes: $0, makesReady: configuration.makesPodsReady) }
        state = Mutex(State(api: api, controller: controller))
    }

    // MARK: - The API

    func read<Result: Sendable>(_ body: (TwinAPI) -> Result) -> Result { state.withLock { body($0.api) } }

    /// Runs a change, lets the controller follow, and tells the watches.
    func write(_ body: (inout TwinAPI) -> Void) { state.withLock { Self.change(&$0, body) } }

    func response(_ request: TwinRequest) -> TwinAPI.Response {
        state.withLock { state in
            var response = TwinAPI.Response.json(500, .null)
            Self.change(&state) { response = $0.response(request) }
            return response
        }
    }

    /// Each step of a rolling update replaces a quarter of the pods, or one.
    private static let roundsLimit = 200

    private static func change(_ state: inout State, _ body: (inout TwinAPI) -> Void) {
        let before = state.api.store.version
        body(&state.api)
        guard state.api.store.version != before else { return }
        let time = String(state.api.time().rfc3339.prefix(19)) + "Z"
        // Its own changes may call for more, for instance a status that follows, or the next step of a rolling update.
        for _ in 0..<roundsLimit {
            let round = state.api.store.version
            state.controller?.reconcile(&state.api.store, at: time)
            if state.api.store.version == round { break }
        }
        let news = state.api.store.changes.drop { $0.version <= before }
        for watcher in state.watchers.values {
            let lines = news.compactMap { watcher.start.line(for: $0) }
            if !lines.isEmpty { watcher.send(lines) }
        }
    }

    // MARK: - Extensions

    var aggregator: TwinAggregator? { state.withLock { $0.aggregator } }
    func register(_ aggregator: TwinAggregator?) { state.withLock { $0.aggregator = aggregator } }

    // MARK: - Watches

    /// Answers a watch: the first lines go out, and the watch hears of every change from then on. nil where it is over at once.
    func watch(_ request: TwinRequest, _ send: @escaping @Sendable ([JSONValue]) -> Void, _ end: @escaping @Sendable (_ cut: Bool) -> Void)
        -> (response: TwinAPI.Response, id: Int?)
    {
        state.withLock { state in
            let response = state.api.response(request)
            guard case .watch(let start) = response, !start.isOver else { return (response, nil) }
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = Watcher(start: start, send: send, end: end)
            return (response, state.nextWatcher)
        }
    }

    func forget(watcher id: Int) { _ = state.withLock { $0.watchers.removeValue(forKey: id) } }
    var watcherCount: Int { state.withLock { $0.watchers.count } }

    func sendBookmarks(to only: Int? = nil) {
        state.withLock { state in
            for (id, watcher) in state.watchers where watcher.start.wantsBookmarks && (only == nil || only == id) {
                watcher.send([watcher.start.bookmark(at: state.api.store.version)])
            }
        }
    }

    func endWatches(cut: Bool) {
        let watchers = state.withLock { state in
            defer { state.watchers = [:] }
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.end(cut) }
    }

    // MARK: - Faults and connections

    func inject(_ fault: TwinFault) { state.withLock { $0.faults.append(fault) } }
    func heal() { state.withLock { $0.faults = [] } }
    var requests: [TwinRequest] { state.withLock { $0.requests } }

    /// Remembers the request, and answers the fault that meets it.
    func note(_ request: TwinRequest) -> TwinFault.Action? {
        state.withLock { state in
            state.requests.append(request)
            if state.requests.count > KubernetesTwin.requestsKept { state.requests.removeFirst() }
            guard let k = state.faults.firstIndex(where: { $0.meets(request) }) else { return nil }
            let action = state.faults[k].action
            if let times = state.faults[k].times {
                state.faults[k].times = times - 1
                if times <= 1 { state.faults.remove(at: k) }
            }
            return action
        }
    }

    /// Requests that came and aren't answered yet; watches and hanging ones don't count.
    var underWay: Int { state.withLock { $0.underWay } }
    func countUnderWay(_ step: Int) { state.withLock { $0.underWay += step } }

    func opened(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        state.withLock { state in
            state.channels[id] = channel
            state.channelsOpened += 1
        }
        channel.closeFuture.whenComplete { _ in _ = self.state.withLock { $0.channels.removeValue(forKey: id) } }
    }

    /// Connections that were accepted since the start.
    var connectionsOpened: Int { state.withLock { $0.channelsOpened } }

    func closeConnections() {
        let channels = state.withLock { Array($0.channels.values) }
        for channel in channels { channel.close(promise: nil) }
    }
}
