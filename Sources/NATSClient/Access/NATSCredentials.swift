import Machine

// Who are we to the server?
//
// Secrets are sent in CONNECT and nowhere else: a description says which kind it is, never what it is.

package enum NATSCredentials: Sendable {
    case none
    case password(user: String, password: String)
    case token(String)
    case nkey(NKey)
    case jwt(String, NKey)
}

extension NATSCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String {
        switch self {
        case .none: "no credentials"
        case .password(let user, _): "user \(user) with a password"
        case .token: "a token"
        case .nkey(let key): "\(key)"
        case .jwt(_, let key): "a JWT of \(key)"
        }
    }

    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension NATSCredentials {
    /// What keeps the file from being used. Never holds any of its contents.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var path: String
        package var problem: String
        package var description: String { "\(path): \(problem)" }
    }

    /// A file that is larger has no credentials.
    package static let fileBytesMost = 64 << 10

    /// A credentials file, as `nsc` and `nk` write it: a JWT and a user's seed between their marks, or a seed alone.
    package static func file(_ path: String) throws(Fault) -> NATSCredentials {
        let bytes: [UInt8]
        do { bytes = try SmallFile.read(path, limitBytes: fileBytesMost) } catch { throw Fault(path: path, problem: "\(error)") }
        do { return try read(String(decoding: bytes, as: UTF8.self)) } catch { throw Fault(path: path, problem: error.description) }
    }

    static func read(_ text: String) throws(NKey.Fault) -> NATSCredentials {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimming { $0.isWhitespace } }
        /// What stands between two lines of hyphens. The closing one has six where the opening one has five.
        func section(_ name: String) -> String? {
            guard let start = lines.firstIndex(where: { $0.hasPrefix("-----BEGIN") && $0.contains(name) }) else { return nil }
            let body = lines[(start + 1)...].prefix { !$0.hasPrefix("-----") }
            return body.isEmpty ? nil : body.joined()
        }
        if let seed = section("NKEY SEED") {
            let key = try NKey(seed: seed)
            guard let jwt = section("USER JWT") else { return .nkey(key) }
            guard jwt.utf8.allSatisfy({ $0 > 32 && $0 < 127 }), jwt.split(separator: ".", omittingEmptySubsequences: false).count == 3
            else {
                throw NKey.Fault(description: "the user JWT has no three parts")
            }
            return .jwt(jwt, key)
        }
        let seeds = lines.filter { $0.hasPrefix("SU") }
        guard seeds.count == 1 else {
            throw NKey.Fault(description: "there is no user's seed in it: a credentials file has a JWT and a seed, a key file a seed")
        }
        return .nkey(try NKey(seed: String(seeds[0])))
    }
}

extension Substring {
    fileprivate func trimming(_ isOut: (Character) -> Bool) -> Substring {
        var text = drop(while: isOut)
        while let last = text.last, isOut(last) { text.removeLast() }
        return text
    }
}
