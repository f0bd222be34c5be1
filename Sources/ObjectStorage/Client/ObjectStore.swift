package import Domain
import Basics
import Foundation
package import HTTPTransport
import Synchronization
import Machine

// What is in a store?
//
//     request ──→ answer ──→ good, or missing: told
//        ↑                ├─ overloaded, cut, late: after a pause, at most `attempts` times
//        │                ├─ another region: learnt for the bucket, at most `redirects` times
//        └────────────────┘  anything else: a fault
//
// Questions alone, so each may be asked again. Nothing is cached but regions.

package final class ObjectStore: Sendable {
    package let store: ObjectLocation.Store
    private let configuration: StoreConfiguration
    private let transport: StoreTransport
    private let regions: BucketRegions
    private let observer: (any StoreObserving)?
    private let now: @Sendable () -> LogTime
    /// Drawn from by each question's pauses.
    private let seeds: Mutex<SplitMix64>

    /// - Parameter now: what the store's clock is taken to say; signatures carry it.
    /// - Throws: where the authority's file can't be used.
    package init(
        _ store: ObjectLocation.Store, _ configuration: StoreConfiguration, observer: (any StoreObserving)? = nil,
        now: @escaping @Sendable () -> LogTime = ObjectStore.systemTime
    ) throws(TLSFiles.Fault) {
        self.store = store
        self.configuration = configuration
        self.observer = observer
        self.now = now
        transport = try StoreTransport(configuration)
        regions = BucketRegions(usual: configuration.region, limit: configuration.limits.regions)
        seeds = Mutex(SplitMix64(seed: configuration.seed))
    }

    package static let systemTime: @Sendable () -> LogTime = { LogTime(microseconds: WallClock.microseconds()) }

    package func shutdown() async { await transport.shutdown() }

    /// Bytes of one object; nil where there is none.
    package func size(of location: ObjectLocation) async throws -> Int64? {
        let request = StoreRequest.head(location)
        guard let response = try await query(request) else { return nil }
        guard let bytes = response.contentLength, bytes >= 0 else { throw StoreFault(.notUnderstood, request, "it gave no size") }
        return bytes
    }

    /// Every object whose key begins with the location's, in the store's order.
    ///
    /// - Throws: `StoreFault`, also where there are more than `limits.pages` pages: half a listing is none.
    func objects(under prefix: ObjectLocation) async throws -> [ListPage.Object] {
        var objects: [ListPage.Object] = []
        var token: String?
        for _ in 0..<configuration.limits.pages {
            let request = StoreRequest.list(prefix, after: token)
            guard let response = try await query(request) else { throw StoreFault(.noBucket, request, "there is no such bucket") }
            let page: ListPage
            do throws(XMLFault) { page = try ListPage(response.body) } catch { throw StoreFault(.notUnderstood, request, error.problem) }
            objects += page.objects
            guard let next = page.nextToken else { return objects }
            guard next != token else { throw StoreFault(.notUnderstood, request, "its pages go round in a circle") }
            token = next
        }
        let most = configuration.limits.pages * StoreRequest.pageKeys
        throw StoreFault(.tooLarge, .list(prefix, after: nil), "there are more than \(most) objects")
    }

    // MARK: - One question

    /// nil: there is no such object.
    private func query(_ request: StoreRequest) async throws -> StoreResponse? {
        let limits = configuration.limits
        let seed = seeds.withLock { $0.next() }
        var backoff = Backoff(first: limits.firstPause, longest: limits.longestPause, seed: seed)
        var attempts = 1
        var redirects = 0
        while true {
            switch try await attempt(request) {
            case (let response, .good): return response
            case (_, .missing): return nil
            case (_, .fault(let fault)): throw fault
            case (_, .elsewhere(let region)):
                guard redirects < limits.redirects, region != regions.region(of: request.location.bucket) else {
                    throw StoreFault(.wrongRegion, request, "it says that the bucket is in \(region), and doesn't answer there")
                }
                redirects += 1
                regions.learn(region, of: request.location.bucket)
            case (_, .again(let seconds, let fault)):
                guard attempts < limits.attempts else { throw fault }
                attempts += 1
                try await Task.sleep(for: backoff.next(atLeast: .seconds(min(max(seconds, 0), limits.retryAfterSeconds))))
            }
        }
    }

    private func attempt(_ request: StoreRequest) async throws -> (StoreResponse?, StoreResponse.Verdict) {
        let key: AccessKey?
        do throws(CredentialFault) { key = try configuration.credentials.key() } catch {
            throw StoreFault(.badCredentials, request, error.description)
        }
        let wire = request.wire(to: configuration.endpoint, region: regions.region(of: request.location.bucket), key: key, at: now())
        let start = ContinuousClock.now
        do {
            let response = try await transport.response(to: wire)
            let verdict = response.verdict(on: request)
            tell(request, verdict.outcome, since: start)
            return (response, verdict)
        } catch let failure as StoreTransport.Failure {
            tell(request, "unreachable", since: start)
            let fault = StoreFault(failure.problem, request, failure.reason)
            return (nil, failure.problem == .unreachable ? .again(afterSeconds: 0, fault) : .fault(fault))
        }
    }

    private func tell(_ request: StoreRequest, _ outcome: String, since start: ContinuousClock.Instant) {
        observer?.answered(
            store: store, operation: request.operation.rawValue, outcome: outcome, seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}

extension StoreResponse.Verdict {
    fileprivate var outcome: String {
        switch self {
        case .good: "ok"
        case .missing: "missing"
        case .again: "overloaded"
        case .elsewhere: "redirected"
        case .fault: "refused"
        }
    }
}
