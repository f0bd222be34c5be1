import ArgumentParser
import Foundation
import Output
import Simulation

// On which nodes does `simulate` let a pool live, and who picks the workers there?
//
// Nothing of it counts without `--nodes`.

struct SimulatedNodeOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Put the pool's workers on this many nodes with snapshot caches.", valueName: "n"))
    var nodes: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Who picks workers: greenroom (the live function), random (agent-substrate's), first-free; may be given several times (default: greenroom and random).",
            valueName: "name"),
        transform: Self.placement)
    var placement: [SimulatedPlacement] = []

    @Option(name: .long, help: ArgumentHelp("Bytes of snapshots in one node's cache.", valueName: "bytes"))
    var nodeCacheBytes: Int64?

    @Option(name: .long, help: ArgumentHelp("Number of actors, if the trace has no actor column.", valueName: "n"))
    var actors = NodeSettings(count: 1).actors

    @Option(
        name: .long, help: ArgumentHelp("How often the actor at rank r comes: r to the power of -s. 0: all equally often.", valueName: "s"))
    var zipf = NodeSettings(count: 1).zipfExponent

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Median snapshot size, if the trace has no snapshot_bytes column. Sizes range from a quarter to four times that.",
            valueName: "bytes"))
    var snapshotBytes = NodeSettings(count: 1).snapshotBytes

    @Option(name: .long, help: ArgumentHelp("Share of actors that begin with their template's snapshot.", valueName: "share"))
    var newActors = 0.0

    @Option(name: .long, help: ArgumentHelp("How long an actor stays paused on its node before it is suspended.", valueName: "s"))
    var pauseSeconds = 0.0

    @Option(name: .long, help: ArgumentHelp("Bytes a second of a restore from object storage.", valueName: "bytes/s"))
    var coldBandwidth = NodeSettings(count: 1).coldBytesPerSecond

    @Option(name: .long, help: ArgumentHelp("Bytes a second of a restore from the node's cache.", valueName: "bytes/s"))
    var warmBandwidth = NodeSettings(count: 1).warmBytesPerSecond

    @Option(name: .long, help: ArgumentHelp("Bytes a second of a restore of an actor paused on the node.", valueName: "bytes/s"))
    var localBandwidth = NodeSettings(count: 1).localBytesPerSecond

    private static let zipfLimit = 10.0
    private static let secondsLimit = 86_400.0

    func validate() throws {
        if let nodes { try Self.check("--nodes", nodes, 1...NodeSettings.countLimit) }
        guard nodes != nil || placement.isEmpty else {
            throw ValidationError("--placement needs --nodes: workers without nodes are all alike")
        }
        guard Set(placement).count == placement.count else { throw ValidationError("--placement names one twice") }
        try Self.check("--actors", actors, 1...NodeSettings.actorsLimit)
        try Self.check("--zipf", zipf, 0...Self.zipfLimit)
        try Self.check("--node-cache-bytes", nodeCacheBytes ?? 0, 0...ArrivalTrace.snapshotBytesLimit)
        try Self.check("--snapshot-bytes", snapshotBytes, 0...ArrivalTrace.snapshotBytesLimit / 4)
        try Self.check("--new-actors", newActors, 0...1)
        try Self.check("--pause-seconds", pauseSeconds, 0...Self.secondsLimit)
        for (name, value) in [
            ("--cold-bandwidth", coldBandwidth), ("--warm-bandwidth", warmBandwidth), ("--local-bandwidth", localBandwidth),
        ] {
            try Self.check(name, value, 1...ArrivalTrace.snapshotBytesLimit)
        }
    }

    private static func check<Value: Comparable>(_ name: String, _ value: Value, _ range: ClosedRange<Value>) throws {
        guard range.contains(value) else { throw ValidationError("\(name) must be between \(range.lowerBound) and \(range.upperBound)") }
    }

    private static func placement(_ name: String) throws -> SimulatedPlacement {
        guard let placement = SimulatedPlacement(rawValue: name) else {
            throw ValidationError(
                "there is no placement \(name): take one of \(SimulatedPlacement.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return placement
    }

    /// What a report's subtitle says of nodes.
    var sentence: String {
        guard let settings = settings.compactMap({ $0 }).first else { return "" }
        return String(
            format: " and its snapshot's bytes, on %d nodes that cache %.1f GB each", settings.count, Double(settings.cacheBytes) / 1e9)
    }

    /// What to simulate each policy with: one of each placement, or nothing of nodes at all.
    var settings: [NodeSettings?] {
        guard let nodes else { return [nil] }
        var settings = NodeSettings(count: nodes)
        if let nodeCacheBytes { settings.cacheBytes = nodeCacheBytes }
        settings.actors = actors
        settings.zipfExponent = zipf
        settings.snapshotBytes = snapshotBytes
        settings.newActorShare = newActors
        settings.pauseMicroseconds = Int64((pauseSeconds * 1e6).rounded())
        settings.coldBytesPerSecond = coldBandwidth
        settings.warmBytesPerSecond = warmBandwidth
        settings.localBytesPerSecond = localBandwidth
        return (placement.isEmpty ? [.greenroom, .random] : placement).map { placement in
            var settings = settings
            settings.placement = placement
            return settings
        }
    }
}

/// Restores by tier, as a table under the table of waits.
enum RestoreTable {
    static func text(_ report: SimulationReport) -> String {
        var table = Table(
            "POLICY", "PLACEMENT", "#LOCAL", "#WARM", "#GOLDEN", "#COLD", "#FETCHED", "#RESTORING", "#LESS FETCHED", "#LESS RESTORING")
        for run in report.runs {
            guard let restores = run.restores else { continue }
            let random = restores.placement == .random ? nil : report.random(beside: run)
            table.add(
                run.policy, restores.placement.rawValue, share(restores.share(.local)), share(restores.share(.warm)),
                share(restores.share(.golden)),
                share(restores.share(.cold)), bytes(restores.fetchedBytes), Seconds.text(restores.seconds),
                random.map { share(restores.fetchedLess(than: $0)) } ?? "-",
                random.map { Seconds.text($0.seconds - restores.seconds) } ?? "-")
        }
        return table.text
    }

    private static func share(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }
    private static func bytes(_ bytes: Int64) -> String { String(format: "%.1f GB", Double(bytes) / 1e9) }
}
