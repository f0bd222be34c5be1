import HTTPTypes

// May this request do that?
//
// A server without tokens lets everything through: it listens on loopback alone. With tokens, a connection remembers the
// last header it was let in with, so that a producer's thousandth request costs a comparison and no hashing; a reload of
// the tokens voids what was remembered.

struct Authorizer: Sendable {
    let tokens: TokenFile?

    /// What one connection remembers.
    struct Memory {
        fileprivate var header = ""
        fileprivate var principal: Principal?
        fileprivate var generation = 0
        init() {}
    }

    /// Answers who asks; nil where nobody has a name, or none is needed.
    /// - Parameter workersToo: whether the role `worker` does as well.
    func admit(_ header: String?, for role: Role?, workersToo: Bool = false, memory: inout Memory) throws(Problem) -> Principal? {
        guard let tokens, let role else { return nil }
        let needed = role.rawValue + (workersToo ? " or worker" : "")
        guard let header else {
            throw Problem(
                .unauthenticated, "send `Authorization: Bearer TOKEN` with a token that has the role \(needed)", field: "authorization")
        }
        let principal = try identify(header, tokens, &memory)
        guard principal.roles.allow(role, workersToo: workersToo) else {
            throw Problem(.forbidden, "the token of \(principal.name) has the role \(principal.roles.names); this needs \(needed)")
        }
        return principal
    }

    private func identify(_ header: String, _ tokens: TokenFile, _ memory: inout Memory) throws(Problem) -> Principal {
        let generation = tokens.generation
        if let known = memory.principal, memory.generation == generation, memory.header == header { return known }
        guard let token = Self.bearerToken(header), let principal = tokens.principal(presenting: token) else {
            throw Problem(.unauthenticated, "the token is not known here", field: "authorization")
        }
        memory.header = header
        memory.principal = principal
        memory.generation = generation
        return principal
    }

    private static func bearerToken(_ header: String) -> Substring.UTF8View? {
        let words = header.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return words[1].utf8
    }
}
