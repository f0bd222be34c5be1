import Domain
import Testing

@testable import ObjectStorage

@Suite struct StoreRequestTests {
    private let noon = LogTime(microseconds: 1_369_353_600_000_000)

    private func wire(_ request: StoreRequest, key: AccessKey? = nil, style: StoreEndpoint.Style = .path) throws -> StoreRequest.Wire {
        request.wire(to: try StoreEndpoint("http://minio:9000", for: .s3, style: style), region: "us-east-1", key: key, at: noon)
    }

    @Test(
        "a key's bytes are encoded once, its slashes kept: key, path",
        arguments: [
            ("a/b", "/bucket/a/b"), ("a b+c%d", "/bucket/a%20b%2Bc%25d"), ("日/?#", "/bucket/%E6%97%A5/%3F%23"), ("/a//", "/bucket//a//"),
            ("\u{7}", "/bucket/%07"),
        ])
    func paths(_ key: String, _ path: String) throws {
        let location = try ObjectLocation(store: .s3, bucket: "bucket", key: key)
        #expect(try wire(.head(location)).url == "http://minio:9000\(path)")
        #expect(try wire(.head(location)).method == "HEAD")
    }

    @Test("a listing asks for encoded keys, in order of name, and goes on by token") func list() throws {
        let prefix = try ObjectLocation("s3://bucket/a b/")
        #expect(
            try wire(.list(prefix, after: nil)).url
                == "http://minio:9000/bucket?encoding-type=url&list-type=2&max-keys=1000&prefix=a%20b%2F")
        #expect(
            try wire(.list(prefix, after: "1/x+="), style: .virtualHosted).url
                == "http://bucket.minio:9000/?continuation-token=1%2Fx%2B%3D&encoding-type=url&list-type=2&max-keys=1000&prefix=a%20b%2F")
    }

    @Test("an anonymous request carries no signature, a signed one its date, digest and token") func signing() throws {
        let request = StoreRequest.head(try ObjectLocation("s3://bucket/key"))
        #expect(try wire(request).headers.map(\.name) == ["host"])
        let signed = try wire(request, key: AccessKey(id: "id", secret: "secret", sessionToken: "token")).headers
        #expect(signed.map(\.name) == ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "authorization"])
        #expect(signed[2].value == "20130524T000000Z")
        #expect(signed[4].value.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"))
        #expect(!signed[4].value.contains("secret"))
    }
}
