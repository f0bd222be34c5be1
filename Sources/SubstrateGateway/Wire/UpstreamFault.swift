import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL

// Why is there no answer from ateapi?
//
// The caller's code and words, and whether the call may have begun there: a resume that did must be looked after.

package struct UpstreamFault: Error, Hashable, Sendable, CustomStringConvertible {
    var code: GRPCCode
    package var description: String
    /// False where the request surely never left.
    var mayHaveBegun = true

    static func unreachable(_ address: String, _ error: any Error) -> UpstreamFault {
        UpstreamFault(
            code: .unavailable, description: "greenroom can't reach ateapi at \(address): \(words(of: error)): is it running?",
            mayHaveBegun: false)
    }

    static func lost(_ address: String) -> UpstreamFault {
        UpstreamFault(code: .unavailable, description: "greenroom's connection to ateapi at \(address) ended before the answer: call again")
    }

    static func tooMany(_ what: String, _ limit: Int) -> UpstreamFault {
        UpstreamFault(code: .resourceExhausted, description: "greenroom has \(limit) \(what), the limit: call again", mayHaveBegun: false)
    }

    static func late(_ seconds: Int64) -> UpstreamFault {
        UpstreamFault(code: .deadlineExceeded, description: "ateapi did not answer greenroom within \(seconds) s")
    }

    static let stopping = UpstreamFault(
        code: .unavailable, description: "this instance of greenroom is stopping: call again, another one or the next start answers",
        mayHaveBegun: false)

    private static func words(of error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError: error.connectionErrors.first.map { "\($0.error)" } ?? "no address for \(error.host)"
        case is NIOSSLExtraError: "its certificate names another host"
        default: "\(error)"
        }
    }

    var response: GRPCResponse { GRPCResponse(code, description) }
}
