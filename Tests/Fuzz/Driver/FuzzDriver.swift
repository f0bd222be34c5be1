import Foundation
import FuzzTargets

// What does libFuzzer call?
//
// It brings the program's entry along, and calls `LLVMFuzzerTestOneInput` with each input. The target's name is in FUZZ_TARGET, so that
// one program serves all. What is found ends the program, and libFuzzer keeps the input.

private let target: FuzzTarget = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        fatalError("set FUZZ_TARGET to one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return target
}()

/// Checkpoints aren't in the corpus, as their layout changes: with FUZZ_LOGS and FUZZ_CHECKPOINTS, two folders, they are made of its logs.
@_cdecl("LLVMFuzzerInitialize")
func initialize(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> CInt {
    guard let logs = getenv("FUZZ_LOGS").map({ String(cString: $0) }), let folder = getenv("FUZZ_CHECKPOINTS").map({ String(cString: $0) })
    else { return 0 }
    do {
        for name in try FileManager.default.contentsOfDirectory(atPath: logs) {
            let log = try Data(contentsOf: URL(fileURLWithPath: "\(logs)/\(name)"))
            try Data(FuzzTarget.checkpoint(ofLog: Array(log))).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
    } catch { fatalError("\(error)") }
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do { try target.run(Array(UnsafeBufferPointer(start: bytes, count: count))) } catch { fatalError("\(target.rawValue): \(error)") }
    return 0
}
