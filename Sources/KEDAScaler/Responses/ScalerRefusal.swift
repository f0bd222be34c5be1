import Autoscaling
import Basics
import Views
import GRPCCore

// What does a caller hear who can't be answered?
//
// A gRPC status and a sentence that ends in what to do. KEDA puts the sentence into the ScaledObject's conditions and events,
// where its operator reads it.

enum ScalerRefusal: Error, Hashable, Sendable {
    /// The request itself is wrong: INVALID_ARGUMENT.
    case invalid(String)
    /// NOT_FOUND.
    case unknownPool(String, known: [String])
    /// The pool can't answer that as it is: FAILED_PRECONDITION.
    case noPolicy(String)
    /// RESOURCE_EXHAUSTED.
    case tooMany(String)
    /// UNAVAILABLE: worth another try soon.
    case stopping

    /// Pools named in a refusal, at most: a status message travels in a header.
    static let namesListed = 10
    /// Pools looked through for the one that was meant, at most.
    static let namesCompared = 1_000

    var sentence: String {
        switch self {
        case .invalid(let text), .noPolicy(let text), .tooMany(let text): text
        case .unknownPool(let name, let known): Self.unknownPool(name, known)
        case .stopping: "this instance is stopping: call again, another one or the next start answers"
        }
    }

    private static func unknownPool(_ name: String, _ known: [String]) -> String {
        guard !known.isEmpty else {
            return "there is no pool \(Quoted(name)), nor any other yet: apply a policy for it, or send the first event about it"
        }
        // Its own namespace's come first: it is most likely one of them.
        let namespace = name.prefix { $0 != "/" } + "/"
        let sorted = known.filter { $0.hasPrefix(namespace) } + known.filter { !$0.hasPrefix(namespace) }
        let hint = NearestName.nearest(to: name, in: Array(sorted.prefix(namesCompared))).map { "; did you mean \(Quoted($0))?" } ?? "."
        let listed = sorted.prefix(namesListed).map { Quoted($0).text }.joined(separator: ", ")
        let more = known.count > namesListed ? " and \(known.count - namesListed) more" : ""
        return
            "there is no pool \(Quoted(name))\(hint) Known: \(listed)\(more). Correct scalerMetadata.pool, or apply a policy for that pool"
    }

    var code: RPCError.Code {
        switch self {
        case .invalid: .invalidArgument
        case .unknownPool: .notFound
        case .noPolicy: .failedPrecondition
        case .tooMany: .resourceExhausted
        case .stopping: .unavailable
        }
    }
}

extension ScalerRefusal: RPCErrorConvertible {
    var rpcErrorCode: RPCError.Code { code }
    var rpcErrorMessage: String { sentence }
}

/// A caller's text as it is shown back: of bounded length, in one line.
struct Quoted: CustomStringConvertible {
    static let mostCharacters = 100
    var text: String

    init(_ text: String) {
        let line = String(text.prefix(Self.mostCharacters).map { $0.isNewline ? " " : $0 })
        self.text = text.count > Self.mostCharacters ? line + "…" : line
    }

    var description: String { text.isEmpty ? "empty" : text }
}
