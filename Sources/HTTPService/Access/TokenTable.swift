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

    /// What is wrong with a line. Carries the line's number and nothing of its content: any word of a faulty line may be a token.
    struct Fault: Error, Hashable, Sendable {
        var line: Int
        var problem: String
    }

    static let tokenBytesLeast = 16
    static let tokenBytesMost = 1_024
    static let entriesMost = 10_000

    private(set) var entries: [Entry] = []

    init(parsing text: String) throws(Fault) { try self.init(parsing: Array(text.utf8)) }

    /// All lines, or the first fault.
    init(parsing bytes: some Collection<UInt8>) throws(Fault) {
        let (table, faults) = Self.reading(bytes)
        if let fault = faults.first { throw fault }
        self = table
    }

    private init() {}

    /// The lines that are right, and the faults of the others.
    static func reading(_ bytes: some Collection<UInt8>) -> (table: TokenTable, faults: [Fault]) {
        var (table, faults) = (TokenTable(), [Fault]())
        // A byte order mark is no part of the first token.
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        for (number, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let words = line.split { " \t\r".utf8.contains($0) }
            guard let token = words.first, token.first != UInt8(ascii: "#") else { continue }
            do throws(Fault) {
                guard table.entries.count < entriesMost else { throw Fault(line: number + 1, problem: "more than \(entriesMost) tokens") }
                table.entries.append(
                    try entry(token: token, words: words.dropFirst().map { String(decoding: $0, as: UTF8.self) }, line: number + 1))
            } catch { if faults.count < faultsKept { faults.append(error) } }
        }
        if table.entries.isEmpty, faults.isEmpty {
            faults.append(Fault(line: 1, problem: "there is no token in it: write one `\(form)` a line"))
        }
        return (table, faults)
    }

    private static let form = "TOKEN ROLE[,ROLE] [NAME]"
    private static let faultsKept = 8

    private static func entry(token: some Collection<UInt8>, words: [String], line: Int) throws(Fault) -> Entry {
        guard token.count >= tokenBytesLeast else {
            throw Fault(
                line: line,
                problem:
                    "the first word has \(token.count) bytes: a token, of at least \(tokenBytesLeast), must come first; make one with `openssl rand -hex 32`"
            )
        }
        guard token.count <= tokenBytesMost else { throw Fault(line: line, problem: "the token has more than \(tokenBytesMost) bytes") }
        guard let named = words.first else {
            throw Fault(line: line, problem: "no role after the token: give ingest, read, admin or worker")
        }
        var roles = RoleSet()
        for word in named.split(separator: ",") {
            guard let role = Role(rawValue: String(word)) else {
                throw Fault(
                    line: line, problem: "the second word names no roles: write `\(form)`; the roles are ingest, read, admin and worker")
            }
            roles.insert(role)
        }
        guard words.count <= 2 else {
            throw Fault(line: line, problem: "more than a token, its roles and a name: write roles as ingest,read without spaces")
        }
        let name = words.count > 1 ? words[1] : "line \(line)"
        // The name goes into logs.
        guard !isTokenLike(name) else {
            throw Fault(line: line, problem: "the name looks like a token, and names are logged: write `\(form)`")
        }
        return Entry(digest: SHA256.hash(data: Array(token)), roles: roles, name: name)
    }

    /// What `openssl rand -hex 32` and its like print.
    private static func isTokenLike(_ name: String) -> Bool {
        name.utf8.count >= 32
            && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0) }
    }

    /// Those of them that `other` has too, whatever their roles there.
    func common(with other: TokenTable) -> TokenTable {
        var table = TokenTable()
        table.entries = entries.filter { entry in other.entries.contains { $0.digest == entry.digest } }
        return table
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
