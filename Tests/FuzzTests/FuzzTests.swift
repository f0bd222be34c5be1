import Basics
import Domain
import Foundation
import FuzzTargets
import Testing

// Does every target hold for its corpus, and for mutations of it?
//
// The mutations come from a seed and know nothing of coverage: they keep what was mended mended, and find what is easily found.
// `make fuzz` looks further. FUZZ_ROUNDS says how many mutations each target gets, FUZZ_SEED which.

@Suite struct FuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let rounds = environment["FUZZ_ROUNDS"].flatMap(Int.init) ?? 1_000
    private static let seed = environment["FUZZ_SEED"].flatMap(UInt64.init) ?? 1

    @Test("what is in the corpus holds", arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let inputs = try Corpus.inputs(of: target)
        #expect(!inputs.isEmpty, "Tests/Fuzz/corpus/\(target.rawValue) is empty")
        for (name, input) in inputs {
            #expect(input.count <= target.bytesMost, "\(name) has more bytes than the target reads")
            do { try target.run(input) } catch { Issue.record("\(target.rawValue)/\(name): \(error)") }
        }
    }

    @Test("mutations of the corpus hold", arguments: FuzzTarget.allCases)
    func mutations(_ target: FuzzTarget) throws {
        let inputs = try Corpus.inputs(of: target).map(\.bytes)
        var mutator = Mutator(seed: Self.seed, corpus: inputs, bytesMost: target.bytesMost)
        for round in 0..<(target == .log ? Self.rounds / 10 : Self.rounds) {
            let input = mutator.next()
            do { try target.run(input) } catch {
                Issue.record("round \(round) of seed \(Self.seed): \(error)\ninput in Base64: \(Data(input).base64EncodedString())")
                return
            }
        }
    }
}

private enum Corpus {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
        "Fuzz/corpus")

    static func inputs(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        // Checkpoints of this version: the states that the logs of the corpus lead to.
        if target == .checkpoint { return try inputs(of: .fold).map { name, log in (name, FuzzTarget.checkpoint(ofLog: log)) } }
        let folder = folder.appendingPathComponent(target.rawValue)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.sorted().map { name in
            (name, Array(try Data(contentsOf: folder.appendingPathComponent(name))))
        }
    }
}
