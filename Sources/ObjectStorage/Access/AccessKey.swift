// With which key is a request signed?
//
// One of Amazon's, or an HMAC key of Google's. Its secret and token leave this type only into a signature or a request's header:
// printing, dumping and interpolating it shows the id's beginning alone.

package struct AccessKey: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let id: String
    let secret: String
    let sessionToken: String?

    static let idLimitBytes = 256
    static let secretLimitBytes = 4_096
    static let tokenLimitBytes = 16_384

    /// - Throws: where a part can't stand in a header; the fault names the part, never what it holds.
    package init(id: String, secret: String, sessionToken: String? = nil) throws(CredentialFault) {
        try Self.check(id, "the access key id", limit: Self.idLimitBytes)
        guard !id.contains("/"), !id.contains(",") else { throw CredentialFault("the access key id holds / or ,") }
        try Self.check(secret, "the secret access key", limit: Self.secretLimitBytes)
        if let sessionToken { try Self.check(sessionToken, "the session token", limit: Self.tokenLimitBytes) }
        self.id = id
        self.secret = secret
        self.sessionToken = sessionToken
    }

    private static func check(_ text: String, _ what: String, limit: Int) throws(CredentialFault) {
        guard !text.isEmpty else { throw CredentialFault("\(what) is empty") }
        guard text.utf8.count <= limit else { throw CredentialFault("\(what) has more than \(limit) bytes") }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw CredentialFault("\(what) isn't one word of printable ASCII")
        }
    }

    package var description: String { "access key \(id.prefix(4))…" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where the key of the next request comes from.
package struct CredentialSource: Sendable {
    /// nil: requests go unsigned.
    let key: @Sendable () throws(CredentialFault) -> AccessKey?

    package static let anonymous = CredentialSource { () throws(CredentialFault) in nil }
    package static func fixed(_ key: AccessKey) -> CredentialSource { CredentialSource { () throws(CredentialFault) in key } }

    /// Files that are read for each request, as secrets rotate.
    ///
    /// - Parameter read: the one word in a file of the service's folder of secrets.
    package static func files(
        id: String, secret: String, sessionToken: String?, read: @escaping @Sendable (String) throws -> String
    ) -> CredentialSource {
        CredentialSource { () throws(CredentialFault) in
            func word(_ file: String) throws(CredentialFault) -> String {
                do { return try read(file) } catch { throw CredentialFault("\(error)") }
            }
            return try AccessKey(
                id: try word(id), secret: try word(secret),
                sessionToken: try sessionToken.map { name throws(CredentialFault) in try word(name) })
        }
    }

    /// Variables that every S3 client reads; Google's HMAC keys have names of their own, so that no cloud's key signs for another.
    package static func variables(of store: ObjectLocation.Store) -> (id: String, secret: String, sessionToken: String?) {
        switch store {
        case .s3: ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        case .gs: ("GS_ACCESS_KEY_ID", "GS_SECRET_ACCESS_KEY", nil)
        }
    }

    /// nil where the environment has no key for this store.
    package static func environment(_ environment: [String: String], for store: ObjectLocation.Store) throws(CredentialFault)
        -> CredentialSource?
    {
        let names = variables(of: store)
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        switch (value(names.id), value(names.secret)) {
        case (nil, nil): return nil
        case (let id?, let secret?): return .fixed(try AccessKey(id: id, secret: secret, sessionToken: names.sessionToken.flatMap(value)))
        case (nil, _): throw CredentialFault("\(names.secret) is set and \(names.id) isn't: set both, or neither")
        case (_, nil): throw CredentialFault("\(names.id) is set and \(names.secret) isn't: set both, or neither")
        }
    }
}

/// Why there is no key. Names files and variables, never what they hold.
package struct CredentialFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ text: String) { description = PlainText.of(text, limit: 200) }
}
