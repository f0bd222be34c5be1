import Domain
import EventLog
import Views

// What do two instances say to each other?
//
// A request is one byte that says what it is, and its content; so is an answer. Only instances of one version understand each other for
// certain: what one doesn't know it refuses, and the other says so to its caller.

enum HandoverRequest: Sendable {
    case append(EventBatch)
    /// Workers said to another instance that they are there.
    case hear([Heard])

    struct Heard: Hashable, Sendable {
        var worker: String
        var uid: String?
    }

    /// Workers of one request.
    static let heardMost = 4_096

    var bytes: [UInt8] {
        var out = WireWriter()
        switch self {
        case .append(let batch):
            out.byte(1)
            batch.encode(into: &out)
        case .hear(let heard):
            out.byte(2)
            out.number(UInt64(heard.count))
            for one in heard {
                out.text(one.worker)
                out.text(one.uid ?? "")
            }
        }
        return out.bytes
    }

    init(_ bytes: [UInt8]) throws(WireReader.Fault) {
        var reader = WireReader(bytes)
        switch try reader.byte() {
        case 1: self = .append(try EventBatch(from: &reader))
        case 2:
            let count = try reader.number()
            guard count <= UInt64(Self.heardMost) else { throw WireReader.Fault(problem: "it names more than \(Self.heardMost) workers") }
            var heard: [Heard] = []
            for _ in 0..<count {
                let worker = try reader.text()
                let uid = try reader.text()
                heard.append(Heard(worker: worker, uid: uid.isEmpty ? nil : uid))
            }
            self = .hear(heard)
        default: throw WireReader.Fault(problem: "a request that isn't known here: run one version")
        }
        guard reader.left == 0 else { throw WireReader.Fault(problem: "there are bytes behind its end") }
    }
}

enum HandoverAnswer: Sendable {
    case appended(Result<AppendReceipt, AppendError>)
    case heard([Result<Int, ControlFault>])
    /// The request can't be read.
    case refused(String)

    var bytes: [UInt8] {
        var out = WireWriter()
        switch self {
        case .appended(.success(let receipt)):
            out.byte(1)
            receipt.encode(into: &out)
        case .appended(.failure(let error)):
            out.byte(2)
            error.encode(into: &out)
        case .heard(let results):
            out.byte(3)
            out.number(UInt64(results.count))
            for result in results { Self.encode(result, into: &out) }
        case .refused(let problem):
            out.byte(4)
            out.text(problem)
        }
        return out.bytes
    }

    init(_ bytes: [UInt8]) throws(WireReader.Fault) {
        var reader = WireReader(bytes)
        switch try reader.byte() {
        case 1: self = .appended(.success(try AppendReceipt(from: &reader)))
        case 2: self = .appended(.failure(try AppendError(from: &reader)))
        case 3:
            let count = try reader.number()
            guard count <= UInt64(HandoverRequest.heardMost) else { throw WireReader.Fault(problem: "too many results") }
            var results: [Result<Int, ControlFault>] = []
            for _ in 0..<count { results.append(try Self.heard(&reader)) }
            self = .heard(results)
        case 4: self = .refused(try reader.text())
        default: throw WireReader.Fault(problem: "an answer that isn't known here: run one version")
        }
    }

    private static func encode(_ result: Result<Int, ControlFault>, into out: inout WireWriter) {
        switch result {
        case .success(let seconds):
            out.byte(0)
            out.number(UInt64(max(0, seconds)))
        case .failure(.notFound(let what, let name)):
            out.byte(1)
            out.text(what)
            out.text(name)
        case .failure(let fault):
            out.byte(2)
            out.text(fault.sentence)
        }
    }

    private static func heard(_ reader: inout WireReader) throws(WireReader.Fault) -> Result<Int, ControlFault> {
        switch try reader.byte() {
        case 0: return .success(Int(clamping: try reader.number()))
        case 1:
            let what = try reader.text()
            return .failure(.notFound(what: what, name: try reader.text()))
        default: return .failure(.conflict(try reader.text()))
        }
    }
}

extension AppendReceipt {
    fileprivate func encode(into out: inout WireWriter) {
        out.number(UInt64(accepted))
        out.number(UInt64(duplicates))
        out.positions(positions)
        for indices in [ambiguous, conflicts, inNewPools] { out.positions(indices.map(Int64.init)) }
        out.positions(conflictSeqs)
    }

    fileprivate init(from reader: inout WireReader) throws(WireReader.Fault) {
        let accepted = Int(clamping: try reader.number())
        let duplicates = Int(clamping: try reader.number())
        let positions = try reader.positions()
        let ambiguous = try reader.positions().map { Int($0) }
        let conflicts = try reader.positions().map { Int($0) }
        let inNewPools = try reader.positions().map { Int($0) }
        self.init(accepted: accepted, duplicates: duplicates, positions: positions, ambiguous: ambiguous, conflicts: conflicts)
        self.inNewPools = inNewPools
        conflictSeqs = try reader.positions()
    }
}

extension WireWriter {
    /// As differences: those of one commit follow each other.
    fileprivate mutating func positions(_ values: [Position]) {
        number(UInt64(values.count))
        var last: Position = 0
        for value in values {
            signed(value &- last)
            last = value
        }
    }
}

extension WireReader {
    fileprivate mutating func positions() throws(Fault) -> [Position] {
        let count = try number()
        guard count <= UInt64(left) else { throw Fault(problem: "it ends too early") }
        var last: Position = 0
        var values: [Position] = []
        values.reserveCapacity(Int(count))
        for _ in 0..<count {
            last = last &+ (try signed())
            values.append(last)
        }
        return values
    }
}

extension AppendError {
    fileprivate func encode(into out: inout WireWriter) {
        switch self {
        case .overloaded(let seconds):
            out.byte(1)
            out.number(UInt64(max(0, seconds)))
        case .invalid(let index, let problem):
            out.byte(2)
            out.number(UInt64(max(0, index)))
            out.text(problem)
        case .notWritable(let reason, let hint):
            out.byte(3)
            out.text(reason)
            out.text(hint)
        case .tooLarge(let problem):
            out.byte(4)
            out.text(problem)
        case .closed: out.byte(5)
        }
    }

    fileprivate init(from reader: inout WireReader) throws(WireReader.Fault) {
        switch try reader.byte() {
        case 1: self = .overloaded(retryAfterSeconds: Int(clamping: try reader.number()))
        case 2:
            let index = Int(clamping: try reader.number())
            self = .invalid(index: index, problem: try reader.text())
        case 3:
            let reason = try reader.text()
            self = .notWritable(reason: reason, hint: try reader.text())
        case 4: self = .tooLarge(problem: try reader.text())
        case 5: self = .closed
        default: throw WireReader.Fault(problem: "an error that isn't known here: run one version")
        }
    }
}
