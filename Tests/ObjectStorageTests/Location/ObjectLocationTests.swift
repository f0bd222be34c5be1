import Testing

@testable import ObjectStorage

@Suite struct ObjectLocationTests {
    @Test(
        "a location is read and written back: text, bucket, key",
        arguments: [
            ("s3://bucket/key", "bucket", "key"), ("gs://my_bucket.example/a/b", "my_bucket.example", "a/b"), ("s3://bucket", "bucket", ""),
            ("s3://bucket/", "bucket", ""),
            ("s3://bucket/a?b#c%41+ d", "bucket", "a?b#c%41+ d"), ("s3://bucket//a//", "bucket", "/a//"),
            ("s3://bucket/日本/🚀\u{7}", "bucket", "日本/🚀\u{7}"),
            ("s3://bucket/a/..b/.c/d..", "bucket", "a/..b/.c/d.."),
        ])
    func good(_ text: String, _ bucket: String, _ key: String) throws {
        let location = try ObjectLocation(text)
        #expect(location.bucket == bucket)
        #expect(location.key == key)
        #expect(try ObjectLocation(location.description) == location)
    }

    @Test(
        "what is no location is refused: text, part of the reason",
        arguments: [
            ("", "s3:// or gs://"), ("http://bucket/key", "s3:// or gs://"), ("S3://bucket/key", "s3:// or gs://"),
            ("file:///etc/passwd", "s3:// or gs://"), ("s3:///key", "names no bucket"),
            ("s3://ab/key", "3 to 63"), ("s3://\(String(repeating: "a", count: 64))/key", "3 to 63"), ("s3://Bucket/key", "lower-case"),
            ("s3://user:pass@bucket/key", "lower-case"),
            ("s3://bucket:9000/key", "lower-case"), ("s3://-bucket/key", "either end"), ("s3://bucket./key", "either end"),
            ("s3://a..bucket/key", "between dots"), ("s3://my_bucket/key", "lower-case"),
            ("s3://169.254.169.254/latest", "IP address"), ("s3://bucket\r\nx: y/key", "lower-case"), ("s3://bucket?x/key", "lower-case"),
            ("s3://bucket/../other/key", "segment"), ("s3://bucket/a/./b", "segment"), ("s3://bucket/..", "segment"),
            ("s3://bucket/a\0b", "NUL"), ("s3://bucket/\(String(repeating: "k", count: 1_025))", "1024 bytes"),
        ])
    func bad(_ text: String, _ reason: String) {
        let fault = #expect(throws: LocationFault.self) { try ObjectLocation(text) }
        #expect(fault?.description.contains(reason) == true, "\(fault?.description ?? "")")
        #expect(fault?.description.contains { $0.isNewline } == false)
        #expect((fault?.description.count ?? .max) < 400)
    }

    @Test(
        "hosts and paths by store, endpoint and style",
        arguments: [
            (ObjectLocation.Store.s3, nil, nil, "bucket", "https bucket.s3.eu-west-1.amazonaws.com "),
            (.s3, nil, nil, "a.bucket", "https s3.eu-west-1.amazonaws.com /a.bucket"),
            (.s3, nil, .path, "bucket", "https s3.eu-west-1.amazonaws.com /bucket"),
            (.gs, nil, nil, "bucket", "https storage.googleapis.com /bucket"),
            (.gs, nil, .virtualHosted, "bucket", "https bucket.storage.googleapis.com "),
            (.s3, "http://minio:9000", nil, "bucket", "http minio:9000 /bucket"),
            (.s3, "https://MinIO.example:443/", .virtualHosted, "bucket", "https bucket.minio.example "),
            (.s3, "http://[::1]:9000", nil, "bucket", "http [::1]:9000 /bucket"),
        ] as [(ObjectLocation.Store, String?, StoreEndpoint.Style?, String, String)])
    func places(_ store: ObjectLocation.Store, _ endpoint: String?, _ style: StoreEndpoint.Style?, _ bucket: String, _ expected: String)
        throws
    {
        let place = try StoreEndpoint(endpoint, for: store, style: style).place(of: bucket, region: "eu-west-1")
        #expect("\(place.scheme) \(place.host) \(place.path)" == expected)
    }

    @Test(
        "what is no endpoint is refused",
        arguments: [
            "", "minio:9000", "ftp://minio", "http://", "http://user@minio", "http://minio/path", "http://minio?x", "http://mi nio",
            "http://minio:65536", "http://minio:0", "http://minio:", "http://[::1]:70000",
        ])
    func badEndpoints(_ text: String) {
        #expect(throws: EndpointFault.self) { try StoreEndpoint(text, for: .s3, style: nil) }
    }
}
