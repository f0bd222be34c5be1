import Basics
import Crypto
import Domain

// What does a request carry to show that the key's owner sent it?
//
// AWS Signature Version 4 ("Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference): a canonical text of the
// request, its digest under date, region and service, and an HMAC chain from the secret. Pure: the instant is an input. Paths are
// encoded once, as S3 does it; queries are sorted by their encoded names.

struct SignatureV4: Sendable {
    let key: AccessKey
    let region: String
    var service = "s3"

    static let algorithm = "AWS4-HMAC-SHA256"
    /// SHA-256 of no bytes: what a request without a body says of it.
    static let emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    struct Request: Sendable {
        var method: String
        /// Encoded; begins with a slash.
        var path: String
        /// Encoded and in order (`canonicalQuery`).
        var query = ""
        var headers: [(name: String, value: String)]
        var bodyDigest = SignatureV4.emptyDigest
    }

    /// The header `authorization`. `stamp` is the instant as `20150830T123600Z`.
    func authorization(_ request: Request, stamp: String) -> String {
        let headers = Self.canonicalHeaders(request.headers)
        let text = stringToSign(Self.canonicalRequest(request), stamp: stamp)
        return
            "\(Self.algorithm) Credential=\(key.id)/\(scope(stamp)), SignedHeaders=\(headers.names), Signature=\(signature(of: text, stamp: stamp))"
    }

    static func canonicalRequest(_ request: Request) -> String {
        let headers = canonicalHeaders(request.headers)
        return [request.method, request.path, request.query, headers.lines, headers.names, request.bodyDigest].joined(separator: "\n")
    }

    func stringToSign(_ canonical: String, stamp: String) -> String {
        [Self.algorithm, stamp, scope(stamp), Hex.text(SHA256.hash(data: Array(canonical.utf8)))].joined(separator: "\n")
    }

    func signature(of text: String, stamp: String) -> String {
        var chain = SymmetricKey(data: Array("AWS4\(key.secret)".utf8))
        for part in [String(stamp.prefix(8)), region, service, "aws4_request"] {
            chain = SymmetricKey(data: Self.authenticate(part, chain))
        }
        return Hex.text(Self.authenticate(text, chain))
    }

    private func scope(_ stamp: String) -> String { "\(stamp.prefix(8))/\(region)/\(service)/aws4_request" }

    private static func authenticate(_ text: String, _ key: SymmetricKey) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
    }

    // MARK: - Canonical forms

    /// `a=1&b=%20`: as it is signed, and as it is sent.
    static func canonicalQuery(_ parameters: [(name: String, value: String)]) -> String {
        parameters.map { (PercentCoding.encode($0.name), PercentCoding.encode($0.value)) }
            .sorted { $0.0 != $1.0 ? precedes($0.0, $1.0) : precedes($0.1, $1.1) }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// Lower-case names in order, values without outer and with single inner spaces, those of one name joined. Each line ends.
    static func canonicalHeaders(_ headers: [(name: String, value: String)]) -> (lines: String, names: String) {
        var values: [String: [String]] = [:]
        for header in headers {
            values[header.name.lowercased(), default: []].append(header.value.split(separator: " ").joined(separator: " "))
        }
        let names = values.keys.sorted(by: precedes)
        return (names.map { "\($0):\((values[$0] ?? []).joined(separator: ","))\n" }.joined(), names.joined(separator: ";"))
    }

    /// By bytes, whatever the locale.
    private static func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
}
