import Dispatch
import Domain
import FaultSimulation
import Foundation
import Synchronization

// Which seeds find something?
//
//     simulate-faults --from 1 --count 1000          seeds one after another, on every core
//     simulate-faults --from 1 --count 1000 --quick  what each finds in a line, without looking for the shortest run
//     simulate-faults --seed 42                      one seed; says what happens where it fails
//     simulate-faults --seed 42 --only 3,17          those steps of it alone
//     simulate-faults --seed 42 --earlier --log      with the steps alone that it had before the later ones (LaterFaults.swift)
//     simulate-faults --seed 42 --fingerprint        what its log comes to: the same wherever it runs
//
// Ends with 1 where a seed failed.

/// At once, also where the output is a file that somebody watches.
func say(_ text: some CustomStringConvertible) {
    print(text)
    fflush(nil)
}

func value(_ name: String) -> String? {
    let arguments = CommandLine.arguments
    return arguments.firstIndex(of: name).flatMap { arguments.indices.contains($0 + 1) ? arguments[$0 + 1] : nil }
}

func number(_ name: String, _ standard: UInt64) -> UInt64 { value(name).flatMap { UInt64($0) } ?? standard }

func runOne(_ seed: UInt64) throws -> Bool {
    let only = value("--only").map { Set($0.split(separator: ",").compactMap { Int($0) }) }
    let isEarlier = CommandLine.arguments.contains("--earlier")
    let schedule = isEarlier ? FaultSchedule(earlier: seed) : only.map { FaultSchedule(seed: seed, only: $0) } ?? FaultSchedule(seed: seed)
    if CommandLine.arguments.contains("--fingerprint") {
        let outcome = try Simulation(schedule).run()
        say("\(seed) \(outcome.events) \(outcome.fingerprint)")
        return outcome.violations.isEmpty
    }
    if only == nil, !isEarlier {
        guard let failure = try Simulate.seed(seed) else {
            say("seed \(seed): all oracles agree")
            return true
        }
        say(failure)
        return false
    }
    let simulation = try Simulation(schedule)
    let outcome = simulation.run()
    for step in schedule.steps { say("    \(step)") }
    if CommandLine.arguments.contains("--log"), let log = simulation.log {
        for event in try log.commits(after: 0).flatMap({ $0 }) { say(event) }
    }
    for violation in outcome.violations { say(violation) }
    return outcome.violations.isEmpty
}

func runMany(from first: UInt64, count: Int) -> Int {
    let failures = Atomic<Int>(0)
    let done = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let began = Date()
    DispatchQueue.concurrentPerform(iterations: count) { k in
        let seed = first + UInt64(k)
        do {
            let isQuick = CommandLine.arguments.contains("--quick")
            if let failure = try Simulate.seed(seed, shrinks: !isQuick) {
                failures.wrappingAdd(1, ordering: .relaxed)
                say(isQuick ? "seed \(seed) fails: \(failure.outcome.violations[0])" : "\(failure)")
            }
        } catch {
            refused.wrappingAdd(1, ordering: .relaxed)
            say("seed \(seed) could not be run: \(error)")
        }
        let number = done.wrappingAdd(1, ordering: .relaxed).newValue
        if number % 100 == 0 {
            say("\(number) seeds, \(failures.load(ordering: .relaxed)) failed, \(Int(Date().timeIntervalSince(began))) s")
        }
    }
    say("\(count) seeds from \(first): \(failures.load(ordering: .relaxed)) failed, \(Int(Date().timeIntervalSince(began))) s")
    return failures.load(ordering: .relaxed) + refused.load(ordering: .relaxed)
}

if value("--seed") != nil {
    exit(try runOne(number("--seed", 1)) ? 0 : 1)
}
exit(runMany(from: number("--from", 1), count: Int(number("--count", 200))) == 0 ? 0 : 1)
