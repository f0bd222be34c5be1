// Where does an object lie?
//
// `s3://BUCKET/KEY` or `gs://BUCKET/KEY`. The key is taken as it stands: `%41`, `+`, `?` and spaces are themselves. Snapshots' URIs
// come from agents, so hostile ones are refused here: a user, port or path in place of a bucket, segments that a proxy would
// resolve, a key longer than a store takes. What is left out: versions, and every other scheme.

package struct ObjectLocation: Hashable, Sendable, CustomStringConvertible {
    package enum Store: String, Hashable, Sendable, CaseIterable {
        case s3
        /// Google Cloud Storage.
        case gs
    }

    package let store: Store
    package let bucket: String
    /// Empty: the bucket itself.
    package let key: String

    package static let keyLimitBytes = 1_024
    static let bucketBytes = 3...63
    /// Google's, of names with dots, each part of which has at most 63.
    static let dottedBucketLimitBytes = 222

    package init(store: Store, bucket: String, key: String) throws(LocationFault) {
        if let problem = Self.problem(ofBucket: bucket, store) ?? Self.problem(ofKey: key) {
            throw LocationFault("\(store.rawValue)://\(bucket)/\(key)", problem)
        }
        self.store = store
        self.bucket = bucket
        self.key = key
    }

    package init(_ text: String) throws(LocationFault) {
        guard let store = Self.store(of: text) else { throw LocationFault(text, "must begin with s3:// or gs://") }
        let rest = text.dropFirst(store.rawValue.count + 3)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        try self.init(store: store, bucket: String(rest[..<slash]), key: String(rest[slash...].dropFirst()))
    }

    /// The store that a URI names, however wrong the rest may be; nil for what is no object's.
    package static func store(of text: String) -> Store? { Store.allCases.first { text.hasPrefix("\($0.rawValue)://") } }

    package var description: String { "\(bucketURI)/\(key)" }
    package var bucketURI: String { "\(store.rawValue)://\(bucket)" }

    /// What lies in it, as in a folder: the location whose key ends with a slash.
    var asFolder: ObjectLocation { key.isEmpty || key.hasSuffix("/") ? self : ObjectLocation(self, key: key + "/") }

    /// An object that a listing of this one's bucket told of; its key is the store's own.
    func object(key: String) -> ObjectLocation { ObjectLocation(self, key: key) }

    private init(_ other: ObjectLocation, key: String) {
        store = other.store
        bucket = other.bucket
        self.key = key
    }

    // MARK: - Rules

    private static func problem(ofBucket name: String, _ store: Store) -> String? {
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty else { return "names no bucket" }
        let limit = store == .gs && bytes.contains(UInt8(ascii: ".")) ? dottedBucketLimitBytes : bucketBytes.upperBound
        guard (bucketBytes.lowerBound...limit).contains(bytes.count) else {
            return "a bucket's name has \(bucketBytes.lowerBound) to \(limit) characters"
        }
        let allowed = store == .gs ? "-._" : "-."
        guard bytes.allSatisfy({ isLowerOrDigit($0) || allowed.utf8.contains($0) }), let first = bytes.first, let last = bytes.last,
            isLowerOrDigit(first), isLowerOrDigit(last)
        else { return "a bucket's name holds lower-case letters, digits and \(allowed), with a letter or a digit at either end" }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.allSatisfy({ (1...bucketBytes.upperBound).contains($0.count) }) else {
            return "a bucket's name has no empty or overlong part between dots"
        }
        let isAddress = parts.count == 4 && parts.allSatisfy { $0.allSatisfy { $0 &- 0x30 < 10 } }
        return isAddress ? "a bucket's name is no IP address" : nil
    }

    private static func problem(ofKey key: String) -> String? {
        guard key.utf8.count <= keyLimitBytes else { return "a key has at most \(keyLimitBytes) bytes" }
        guard !key.utf8.contains(0) else { return "a key holds no NUL" }
        let climbs = key.split(separator: "/", omittingEmptySubsequences: false).contains { $0 == "." || $0 == ".." }
        return climbs ? "a key has no segment . or .." : nil
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool { byte &- 0x61 < 26 || byte &- 0x30 < 10 }
}

/// A text that is no location, and why.
package struct LocationFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    private static let shownCharacters = 80

    init(_ text: String, _ problem: String) {
        description =
            "\"\(PlainText.of(text, limit: Self.shownCharacters))\" is no object's location: \(problem); write s3://BUCKET/KEY or gs://BUCKET/KEY"
    }
}
