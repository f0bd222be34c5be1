import Crypto

// Whose token is this?
//
// The table keeps SHA-256 digests alone. A presented token is hashed and compared with every entry in full, so the time it
// takes says nothing about how much of it was right, or which line it stands on.
//
//     # one token a line, its roles, and a name for the logs
//     3f9c…e1  ingest,read  collector-1

struct TokenTable: Sendable {
    struct Entry: Sendable {
        var digest: SHA256Digest
        var roles: RoleSet
        var name: String
    }

    /// What a line can't be. Carries the line's number and never its token.
    struct Fault: Error, Hashable, Sendable {
        var line: Int
        var problem: String
    }

    static let tokenBytesLeast = 16
    static let tokenBytesMost = 1_024
    static let entriesMost = 10_000

    private(set) var entries: [Entry] = []

    init(parsing text: String) throws(Fault) {
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
            guard let token = words.first, !token.hasPrefix("#") else { continue }
            entries.append(try Self.entry(token: token, words: words.dropFirst(), line: number + 1))
            guard entries.count <= Self.entriesMost else { throw Fault(line: number + 1, problem: "more than \(Self.entriesMost) tokens") }
        }
        guard !entries.isEmpty else { throw Fault(line: 1, problem: "there is no token in it: write one `TOKEN ROLE[,ROLE] [NAME]` a line") }
    }

    private static func entry(token: Substring, words: ArraySlice<Substring>, line: Int) throws(Fault) -> Entry {
        guard token.utf8.count >= tokenBytesLeast else {
            throw Fault(line: line, problem: "the token has \(token.utf8.count) bytes: take at least \(tokenBytesLeast), from `openssl rand -hex 32`")
        }
        guard token.utf8.count <= tokenBytesMost else { throw Fault(line: line, problem: "the token has more than \(tokenBytesMost) bytes") }
        guard let named = words.first else { throw Fault(line: line, problem: "no role after the token: give ingest, read or admin") }
        var roles = RoleSet()
        for word in named.split(separator: ",") {
            guard let role = Role(rawValue: String(word)) else {
                throw Fault(line: line, problem: "\"\(word)\" is no role: the roles are ingest, read and admin")
            }
            roles.insert(role)
        }
        guard words.count <= 2 else { throw Fault(line: line, problem: "more than a token, its roles and a name: write roles as ingest,read without spaces") }
        let name = words.dropFirst().first.map(String.init) ?? "line \(line)"
        return Entry(digest: SHA256.hash(data: Array(token.utf8)), roles: roles, name: name)
    }

    /// Who presents `token`; nil for nobody known.
    func principal(presenting token: some Collection<UInt8>) -> Principal? {
        guard (Self.tokenBytesLeast...Self.tokenBytesMost).contains(token.count) else { return nil }
        let digest = SHA256.hash(data: Array(token))
        var found: Entry?
        // `==` of digests takes the same time whatever they hold; every entry is looked at.
        for entry in entries where entry.digest == digest { found = entry }
        return found.map { Principal(name: $0.name, roles: $0.roles) }
    }
}

/// Who asks, once the token is known.
struct Principal: Hashable, Sendable {
    var name: String
    var roles: RoleSet
}
