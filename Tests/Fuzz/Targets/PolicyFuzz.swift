import Autoscaling
import Domain
import Policies

// Do policies keep their meaning from one form to the next?
//
// A policy that was read is written as YAML and as canonical JSON. Both must give an equal policy again, and the same bytes.

enum PolicyFuzz {
    private static let now = LogTime(microseconds: 1_795_000_000_000_000)

    static func yaml(_ input: [UInt8]) throws {
        guard let policies = try? PolicyReader.policies(from: input, source: "fuzz", now: now) else { return }
        for policy in policies {
            try roundTrip(policy)
            let text = PolicyWriter.yaml(policy)
            let again = Result { try PolicyReader.policies(from: text, source: "fuzz", now: now) }
            switch again {
            case .success(let read): try hold(read == [policy], "written as YAML, it reads as another:\n\(text)")
            case .failure(let error): throw FuzzFinding("written as YAML, it is refused: \(error)\n\(text)")
            }
        }
    }

    static func json(_ input: [UInt8]) throws {
        for isLogged in [false, true] {
            guard let policy = try? Policy(canonicalJSON: input, isLogged: isLogged) else { continue }
            try roundTrip(policy, isLogged: isLogged)
        }
    }

    static func convert(_ input: [UInt8]) throws {
        guard let conversions = try? PolicyConverter.conversions(of: input, source: "fuzz", now: now) else { return }
        for conversion in conversions {
            let read = Result { try PolicyReader.policies(from: conversion.yaml, source: "fuzz", now: now) }
            switch read {
            case .success(let policies):
                try hold(policies == [conversion.policy], "what was converted reads as another:\n\(conversion.yaml)")
            case .failure(let error): throw FuzzFinding("what was converted is refused: \(error)\n\(conversion.yaml)")
            }
        }
    }

    private static func roundTrip(_ policy: Policy, isLogged: Bool = false) throws {
        let json = policy.canonicalJSON
        switch Result(catching: { try Policy(canonicalJSON: json, isLogged: isLogged) }) {
        case .success(let again):
            try hold(again == policy, "in canonical JSON it is another: \(String(decoding: json, as: UTF8.self))")
            try hold(again.canonicalJSON == json, "canonical JSON isn't the same twice: \(String(decoding: json, as: UTF8.self))")
        case .failure(let error): throw FuzzFinding("its canonical JSON is refused: \(error): \(String(decoding: json, as: UTF8.self))")
        }
    }
}
