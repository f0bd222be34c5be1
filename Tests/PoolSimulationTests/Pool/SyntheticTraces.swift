import Basics
import Domain
import Foundation
import Testing
@testable import Simulation

// Traces unlike each other, from a seed: what a buffer that learns must not be tuned away from.

enum SyntheticTrace: String, CaseIterable, CustomTestStringConvertible {
    case steady, modulated, onOff, cron, flashCrowd, ramp, wave, heavyBursts, longTurns

    var testDescription: String { rawValue }

    static let seconds = 1_500.0

    func trace(seed: UInt64) -> ArrivalTrace {
        var draw = Draw(seed: seed)
        let turns = arrivals(&draw).filter { $0 < Self.seconds }.sorted().map { Turn(atSeconds: $0, serviceSeconds: service(&draw)) }
        return ArrivalTrace(turns: turns)
    }

    private func arrivals(_ draw: inout Draw) -> [Double] {
        switch self {
        case .steady, .longTurns: draw.arrivals { _ in 2 }
        case .modulated: draw.switching(rates: [2, 5], meanSeconds: [60, 20])
        case .onOff: draw.switching(rates: [8, 0.1], meanSeconds: [12, 45])
        case .cron: draw.arrivals { $0.truncatingRemainder(dividingBy: 60) < 2 ? 12 : 0.3 }
        case .flashCrowd: draw.arrivals { (900..<1_000).contains($0) ? 10 : 1 }
        case .ramp: draw.arrivals { 0.3 + 4 * $0 / Self.seconds }
        case .wave: draw.arrivals { 1.5 + 1.3 * sin($0 / 100) }
        case .heavyBursts: draw.bursts(everySeconds: 25, least: 5, mostTurns: 150)
        }
    }

    private func service(_ draw: inout Draw) -> Double {
        switch self {
        case .longTurns: draw.pareto(least: 2, tail: 1.5, most: 200)
        case .onOff, .cron, .heavyBursts: 3 + draw.exponential(mean: 1.5)
        default: 4 + draw.exponential(mean: 6)
        }
    }
}

private struct Draw {
    private var random: SplitMix64
    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func share() -> Double { Double.random(in: 0..<1, using: &random) }
    mutating func exponential(mean: Double) -> Double { -mean * log(1 - share()) }
    mutating func pareto(least: Double, tail: Double, most: Double) -> Double { min(most, least * pow(1 - share(), -1 / tail)) }

    /// A Poisson process whose rate changes: candidates at a rate above all, thinned.
    mutating func arrivals(rate: (Double) -> Double) -> [Double] {
        let most = 15.0
        var (found, now): ([Double], Double) = ([], 0)
        while now < SyntheticTrace.seconds {
            now += exponential(mean: 1 / most)
            if share() * most < rate(now) { found.append(now) }
        }
        return found
    }

    mutating func switching(rates: [Double], meanSeconds: [Double]) -> [Double] {
        var (ends, now): ([Double], Double) = ([], 0)
        while now < SyntheticTrace.seconds {
            now += exponential(mean: meanSeconds[ends.count % rates.count])
            ends.append(now)
        }
        return arrivals { at in rates[(ends.firstIndex { at < $0 } ?? 0) % rates.count] }
    }

    mutating func bursts(everySeconds: Double, least: Double, mostTurns: Double) -> [Double] {
        var (found, now): ([Double], Double) = ([], 0)
        while now < SyntheticTrace.seconds {
            now += exponential(mean: everySeconds)
            let length = 1 + 5 * share()
            for _ in 0..<Int(pareto(least: least, tail: 1.4, most: mostTurns)) { found.append(now + length * share()) }
        }
        return found
    }
}
