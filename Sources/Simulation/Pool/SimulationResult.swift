package import Domain

// What came of it: waits, cost, kills, and how the count moved?
//
// Times are exact microseconds; shares and means are made from them at the very end.

package struct SimulationResult: Hashable, Sendable {
    /// From arrival to a worker's slot, without the resume.
    package struct Waits: Hashable, Sendable {
        /// Of each turn, rising.
        package let sortedMicroseconds: [Int64]

        init(microseconds: [Int64]) { sortedMicroseconds = microseconds.sorted() }

        package var meanSeconds: Double {
            guard !sortedMicroseconds.isEmpty else { return 0 }
            return Double(sortedMicroseconds.reduce(0, &+)) / Double(sortedMicroseconds.count) / 1e6
        }

        package var maxSeconds: Double { Double(sortedMicroseconds.last ?? 0) / 1e6 }

        /// Nearest rank: the least wait that at least this share of the turns did not exceed.
        package func seconds(quantile: Double) -> Double {
            guard !sortedMicroseconds.isEmpty else { return 0 }
            let rank = Int((quantile * Double(sortedMicroseconds.count)).rounded(.up))
            return Double(sortedMicroseconds[min(max(rank, 1), sortedMicroseconds.count) - 1]) / 1e6
        }
    }

    /// The count asked for, from that moment on.
    package struct Replicas: Hashable, Sendable {
        package var atMicroseconds: Int64
        package var count: Int
        package init(atMicroseconds: Int64, count: Int) { self.atMicroseconds = atMicroseconds; self.count = count }
    }

    package var policy: String
    package var turns: Int
    package var waits: Waits
    /// Workers from their request until they are gone, until the last turn ended.
    package var workerMicroseconds: Int64
    package var usefulMicroseconds: Int64
    /// Turns that were running on a worker that was taken away; each began again.
    package var killed: Int
    /// How often the count began to rise after it fell, or to fall after it rose.
    package var flaps: Int
    /// Workers started, those ready at the beginning not counted.
    package var starts: Int
    package var replicas: [Replicas]
    package var commits: Int
    /// Turns that had no worker when nothing more would happen, as the policy asks for none; their wait is until then.
    package var unserved = 0
    /// From where actors were restored; nil where nodes were not simulated.
    package var restores: SimulatedRestores?
    /// How claims were served; nil where workers aren't taken for good. Then a wait is from a claim to its worker's being ready, and
    /// `workerMicroseconds` are those of unclaimed workers.
    package var claims: SimulatedClaims?

    package var costRatio: Double { usefulMicroseconds > 0 ? Double(workerMicroseconds) / Double(usefulMicroseconds) : 0 }
    package var workerSeconds: Double { Double(workerMicroseconds) / 1e6 }
    /// How often the count rose, and how often it fell.
    package var scaleUps: Int { zip(replicas, replicas.dropFirst()).count { $0.count < $1.count } }
    package var scaleDowns: Int { zip(replicas, replicas.dropFirst()).count { $0.count > $1.count } }
}

extension SimulationResult {
    /// `{"policy":…,"turns":…,"waitSeconds":{…},"costRatio":…,"workerSeconds":…,"killed":…,"flaps":…,"replicas":[[t,n],…]}`
    ///
    /// - Parameter random: restores of the same policy where workers were picked at random.
    package func write(to json: inout JSONWriter, against random: SimulatedRestores? = nil) {
        json.openObject()
        // `wait` is the older name.
        writeFigures(to: &json, waitNames: ["waitSeconds", "wait"])
        restores?.write(to: &json, against: random)
        if let claims {
            json.key("claims")
            json.openObject()
            json.member("warm", turns - claims.cold)
            json.member("cold", claims.cold)
            json.member("idleSeconds", workerSeconds)
            json.member("readySeconds", Double(claims.readyMicroseconds) / 1e6)
            json.closeObject()
        }
        json.key("replicas")
        json.openArray()
        for point in replicas {
            json.openArray()
            json.number(Double(point.atMicroseconds) / 1e6)
            json.integer(Int64(point.count))
            json.closeArray()
        }
        json.closeArray()
        json.closeObject()
    }

    /// The members that say how it did, without what it did when.
    func writeFigures(to json: inout JSONWriter, waitNames: [String] = ["waitSeconds"]) {
        json.member("policy", policy)
        json.member("turns", turns)
        for name in waitNames {
            json.key(name)
            json.openObject()
            json.member("mean", Self.rounded(waits.meanSeconds))
            for (name, quantile) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] { json.member(name, waits.seconds(quantile: quantile)) }
            json.member("max", waits.maxSeconds)
            json.closeObject()
        }
        if unserved > 0 { json.member("unserved", unserved) }
        json.member("costRatio", Self.rounded(costRatio))
        json.member("workerSeconds", workerSeconds)
        json.member("killed", killed)
        json.member("flaps", flaps)
        json.member("scaleUps", scaleUps)
        json.member("scaleDowns", scaleDowns)
    }

    /// To a millionth: what a mean has beyond that is noise of its own division.
    private static func rounded(_ value: Double) -> Double { (value * 1e6).rounded() / 1e6 }
}

/// Runs side by side.
package struct SimulationReport: Hashable, Sendable {
    package var runs: [SimulationResult]
    package init(runs: [SimulationResult]) { self.runs = runs }

    /// A line for each run that left turns without a worker; empty where none did.
    package var unservedText: String {
        runs.filter { $0.unserved > 0 }.map { "\($0.policy) asks for no worker while \($0.unserved) of its turns wait.\n" }.joined()
    }

    /// Restores of the run's policy where workers were picked at random; nil where that was not simulated.
    package func random(beside run: SimulationResult) -> SimulatedRestores? {
        runs.first { $0.policy == run.policy && $0.restores?.placement == .random }?.restores
    }

    /// `{"runs":[…]}`
    package func write(to json: inout JSONWriter) {
        json.openObject()
        json.key("runs")
        json.openArray()
        for run in runs { run.write(to: &json, against: random(beside: run)) }
        json.closeArray()
        json.closeObject()
    }
}
