package import Domain
package import Logging
import ServiceLifecycle
import Foundation
import Synchronization
import Machine

// Are the snapshots that actors will be restored from still there, and how large are they?
//
// Two tasks. One takes what is wanted, one snapshot at a time at a named pace, and looks. One lists the templates' locations
// every so often; a golden snapshot counts once two lists in a row showed it alike, as one that is being written grows. Only news
// goes to the log: a size that wasn't known, and what is gone. A fault is no news: it is logged when it begins and counted.

package struct SnapshotSurvey: Service {
    package struct Configuration: Sendable {
        package var looksPerSecond = 10.0
        package var goldens: [GoldenLayout] = []
        package var goldensEverySeconds = 60.0
        /// How long an answer is good for.
        package var trustSeconds = 60.0
        /// Answers remembered so long.
        package var rememberedAnswers = 16_384

        package init() {}
    }

    private let configuration: Configuration
    private let stores: [ObjectLocation.Store: ObjectStore]
    private let wants: any SnapshotWanting
    private let record: @Sendable (EventBatch) async throws -> Void
    private let logger: Logger
    private let ids: SurveyIDs

    /// - Parameter record: puts events into the log, and returns once they are durable.
    package init(
        _ configuration: Configuration, stores: [ObjectStore], wants: any SnapshotWanting, logger: Logger,
        record: @escaping @Sendable (EventBatch) async throws -> Void
    ) {
        self.configuration = configuration
        self.stores = Dictionary(stores.map { ($0.store, $0) }) { first, _ in first }
        self.wants = wants
        self.logger = logger
        self.record = record
        ids = SurveyIDs()
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { await lookAtWanted() }
                if !configuration.goldens.isEmpty { group.addTask { await lookForGoldens() } }
            }
        }
        for store in stores.values { await store.shutdown() }
    }

    // MARK: - Actors' snapshots

    private func lookAtWanted() async {
        var recent = RecentLooks(trust: .seconds(configuration.trustSeconds), limit: configuration.rememberedAnswers)
        var trouble = Trouble(logger)
        let pause = Duration.seconds(1 / max(configuration.looksPerSecond, 0.001))
        while !Task.isCancelled, let want = await wants.next() {
            guard recent.isDue(want, at: .now) else { continue }
            await look(want, &trouble)
            try? await Task.sleep(for: pause)
        }
    }

    private func look(_ want: SnapshotWant, _ trouble: inout Trouble) async {
        do {
            let location = try ObjectLocation(want.uri)
            guard let store = stores[location.store] else { return }
            let presence = try await store.snapshot(at: location)
            if presence != want.known { try await record(SnapshotObservation.batch(want, presence, id: ids.next())) }
            trouble.isOver(location.bucketURI)
        } catch let fault as StoreFault {
            trouble.begins(fault.bucketURI, fault.description)
        } catch is CancellationError {
        } catch {
            trouble.begins(want.uri, "\(error)")
        }
    }

    // MARK: - Templates' snapshots

    private func lookForGoldens() async {
        var told = [GoldenMemory](repeating: GoldenMemory(), count: configuration.goldens.count)
        var trouble = Trouble(logger)
        while !Task.isCancelled {
            for (index, layout) in configuration.goldens.enumerated() { await look(layout, &told[index], &trouble) }
            try? await Task.sleep(for: .seconds(configuration.goldensEverySeconds))
        }
    }

    private func look(_ layout: GoldenLayout, _ memory: inout GoldenMemory, _ trouble: inout Trouble) async {
        guard let store = stores[layout.location.store] else { return }
        do {
            for news in memory.news(in: try await GoldenLayout.goldens(layout, in: store)) {
                try await record(SnapshotObservation.batch(golden: news.template, uri: news.uri, news.presence, id: ids.next()))
                memory.note(news)
            }
            trouble.isOver(layout.location.description)
        } catch is CancellationError {
        } catch {
            trouble.begins(layout.location.description, "\(error)")
        }
    }
}

/// Ids that no other run of a survey uses: its beginning in microseconds, and a number.
private final class SurveyIDs: Sendable {
    private let began = WallClock.microseconds()
    private let count = Atomic<Int64>(0)

    func next() -> String { "\(began)-\(count.add(1, ordering: .relaxed).newValue)" }
}

/// Logs when trouble begins and when it ends, not each time in between. Bounded by forgetting all.
private struct Trouble {
    private static let limit = 256
    private let logger: Logger
    private var known: Set<String> = []

    init(_ logger: Logger) { self.logger = logger }

    mutating func begins(_ subject: String, _ problem: String) {
        if known.count >= Self.limit { known.removeAll() }
        if known.insert(subject).inserted { logger.warning("snapshots not looked at", metadata: ["problem": "\(problem)"]) }
    }

    mutating func isOver(_ subject: String) {
        if known.remove(subject) != nil { logger.info("snapshots looked at again", metadata: ["location": "\(subject)"]) }
    }
}
