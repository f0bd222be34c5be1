import Synchronization
import Machine

// Which token goes with the next request?
//
// A service account's token file is replaced before its token runs out (after some 80 % of an hour). It is read again once a
// minute, and at once when the server answered 401. A file that can't be read for a moment leaves the token that was read
// before: the server decides whether it still holds.

final class TokenSource: Sendable {
    static let rereadEvery = Duration.seconds(60)

    private struct State {
        var token: String?
        var readAt: Duration?
    }

    private let credential: ClusterAccess.Credential
    private let clock: MonotonicClock
    private let state = Mutex(State())

    init(_ credential: ClusterAccess.Credential, clock: MonotonicClock) {
        self.credential = credential
        self.clock = clock
    }

    /// nil where requests carry none.
    func token() throws(ClusterAccessFault) -> String? {
        switch credential {
        case .none: return nil
        case .token(let secret): return secret.value
        case .tokenFile(let path):
            let now = clock.now()
            let known = state.withLock { $0 }
            if let token = known.token, let readAt = known.readAt, now - readAt < Self.rereadEvery { return token }
            return try read(path, now: now, known: known.token)
        }
    }

    /// The server refused the token: whether another attempt may carry another one.
    func refused() -> Bool {
        guard case .tokenFile = credential else { return false }
        state.withLock { $0.readAt = nil }
        return true
    }

    private func read(_ path: String, now: Duration, known: String?) throws(ClusterAccessFault) -> String {
        do throws(ClusterAccessFault) {
            let text = try BoundedFile.text(path)
            let token = String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
            guard Self.isSendable(token) else { throw ClusterAccessFault(path, "holds no token, or one with characters that no token has") }
            state.withLock { $0 = State(token: token, readAt: now) }
            return token
        } catch {
            guard let known else { throw error }
            return known
        }
    }

    /// Visible ASCII, as RFC 6750 has it: nothing that could begin another header.
    static func isSendable(_ token: String) -> Bool { !token.isEmpty && token.utf8.allSatisfy { (0x21...0x7E).contains($0) } }
}
