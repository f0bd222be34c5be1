import Basics
import Domain

// What is asked of a store?
//
// Two questions: HEAD of one object, and a page of ListObjectsV2 under a prefix, its keys encoded (`encoding-type=url`), as XML
// can't hold every key. Where there is a key the request is signed; Google's XML API takes the same signature
// (AWS4-HMAC-SHA256, service s3), so there is one signer, checked against Amazon's published examples.

struct StoreRequest: Sendable {
    enum Operation: String, Hashable, Sendable { case head, list }

    let operation: Operation
    let location: ObjectLocation
    var parameters: [(name: String, value: String)] = []

    static let pageKeys = 1_000

    static func head(_ location: ObjectLocation) -> StoreRequest { StoreRequest(operation: .head, location: location) }

    static func list(_ prefix: ObjectLocation, after token: String?) -> StoreRequest {
        var request = StoreRequest(operation: .list, location: prefix)
        request.parameters = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", "\(pageKeys)")]
        if !prefix.key.isEmpty { request.parameters.append(("prefix", prefix.key)) }
        if let token { request.parameters.append(("continuation-token", token)) }
        return request
    }

    /// As it goes over the wire.
    struct Wire: Hashable, Sendable {
        var method: String
        var url: String
        var headers: [Header]
    }

    struct Header: Hashable, Sendable {
        var name: String
        var value: String
    }

    func wire(to endpoint: StoreEndpoint, region: String, key: AccessKey?, at now: LogTime) -> Wire {
        let place = endpoint.place(of: location.bucket, region: region)
        let method = operation == .head ? "HEAD" : "GET"
        let ownPath = operation == .head ? "/" + PercentCoding.encode(location.key, keeping: UInt8(ascii: "/")) : ""
        let path = place.path + (place.path.isEmpty && ownPath.isEmpty ? "/" : ownPath)
        let query = SignatureV4.canonicalQuery(parameters)
        var headers: [(name: String, value: String)] = [("host", place.host)]
        if let key {
            let stamp = now.basicSeconds
            headers += [("x-amz-content-sha256", SignatureV4.emptyDigest), ("x-amz-date", stamp)]
            if let token = key.sessionToken { headers.append(("x-amz-security-token", token)) }
            let signed = SignatureV4.Request(method: method, path: path, query: query, headers: headers)
            headers.append(("authorization", SignatureV4(key: key, region: region).authorization(signed, stamp: stamp)))
        }
        let url = "\(place.scheme)://\(place.host)\(path)" + (query.isEmpty ? "" : "?\(query)")
        return Wire(method: method, url: url, headers: headers.map { Header(name: $0.name, value: $0.value) })
    }

    /// `20150830T123600Z`
}
