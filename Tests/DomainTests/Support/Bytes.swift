import Basics
import Domain

// Texts as bytes that stay where they are while a test looks at them.

extension String {
    func withBytes<Result, Failure: Error>(_ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result) throws(Failure) -> Result {
        try Array(utf8).withBytes(body)
    }
}

extension [UInt8] {
    func withBytes<Result, Failure: Error>(_ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result) throws(Failure) -> Result {
        let result = withUnsafeBufferPointer { buffer -> Swift.Result<Result, Failure> in
            do throws(Failure) { return .success(try body(buffer)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    var text: String { String(decoding: self, as: UTF8.self) }
}

/// What a cursor says of a whole text: nil where it is JSON.
func fault(in bytes: [UInt8]) -> JSONFault? {
    bytes.withBytes { buffer in
        var cursor = JSONCursor(buffer)
        do throws(JSONFault) {
            _ = try cursor.value()
            cursor.skipSpace()
            return cursor.atEnd ? nil : cursor.fault("something follows")
        } catch {
            return error
        }
    }
}

extension SplitMix64 {
    /// A copy of `bytes` with one to three bytes changed, removed, doubled or cut off.
    mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var copy = bytes
        for _ in 0..<int(1...3) where !copy.isEmpty {
            let at = int(0...(copy.count - 1))
            switch int(0...5) {
            case 0: copy[at] = UInt8(int(0...255))
            case 1: copy[at] ^= 1 << UInt8(int(0...7))
            case 2: copy.remove(at: at)
            case 3: copy.insert(copy[at], at: at)
            case 4: copy[at] = pick(Array("\"\\{}[],:0-.eEtfn\u{0}u".utf8))
            default: copy.removeSubrange(at...)
            }
        }
        return copy
    }
}
