import Domain
import Testing

@testable import ObjectStorage

@Suite struct ResponseTests {
    private func page(_ name: String) throws -> ListPage { try ListPage(try Fixture.bytes(name)) }

    @Test("Google's listing: sizes, times, a next page") func google() throws {
        let page = try page("gcs-list.xml")
        #expect(
            page.objects.map(\.key) == [
                "golden/devops agent/v1/checkpoint.img", "golden/devops agent/v1/pages.img", "golden/devops agent/",
            ])
        #expect(page.objects.map(\.bytes) == [1_048_576, 734_003_200, 0])
        #expect(page.objects[1].modified.rfc3339 == "2026-11-20T09:00:07.500000Z")
        #expect(page.nextToken == "Cgtnb2xkZW4vdC90Mg==")
    }

    @Test("Amazon's listing: a plus is a space, what is encoded a byte, spaces at the end stay") func amazon() throws {
        let page = try page("s3-list.xml")
        #expect(page.objects.map(\.key) == ["odd/a b+c%", "odd/日本\u{7}", "odd/ends "])
        #expect(page.nextToken == nil)
        #expect(try self.page("s3-empty.xml") == ListPage(try Fixture.bytes("s3-empty.xml")))
        #expect(try self.page("s3-empty.xml").objects.isEmpty)
    }

    @Test("a listing that isn't encoded is read as it stands") func plain() throws {
        let body =
            "<ListBucketResult><Contents><Key>a+b%20 </Key><Size>1</Size><LastModified>2026-11-20T09:00:00Z</LastModified></Contents></ListBucketResult>"
        #expect(try ListPage(Array(body.utf8)).objects.map(\.key) == ["a+b%20 "])
    }

    @Test(
        "what is no listing is refused, quickly",
        arguments: [
            "", "<html><body>hello</body></html>", "{}", "<ListBucketResult>",
            "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size><LastModified>2026-11-20T09:00:00Z</LastModified></Contents></ListBucketResult>",
            "<ListBucketResult><Contents><Key>a</Key><Size>1</Size><LastModified>yesterday</LastModified></Contents></ListBucketResult>",
            "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%FF</Key><Size>1</Size><LastModified>2026-11-20T09:00:00Z</LastModified></Contents></ListBucketResult>",
            #"<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult><Name>&a;</Name></ListBucketResult>"#,
            "\0<ListBucketResult></ListBucketResult>",
        ])
    func noListing(_ body: String) {
        #expect(throws: XMLFault.self) { try ListPage(Array(body.utf8)) }
    }

    private struct Case: Sendable, CustomTestStringConvertible {
        var status: Int
        var operation = StoreRequest.Operation.list
        var region: String?
        var body = ""
        var expected: String
        var testDescription: String { "\(status) \(operation.rawValue) \(body.prefix(60))" }
    }

    private static func error(_ code: String, _ more: String = "") -> String {
        "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>m</Message>\(more)</Error>"
    }

    private static let cases: [Case] = [
        Case(status: 200, expected: "good"), Case(status: 404, operation: .head, expected: "missing"),
        Case(status: 404, body: error("NoSuchBucket"), expected: "noBucket"),
        Case(status: 404, expected: "noBucket"), Case(status: 403, operation: .head, expected: "denied"),
        Case(status: 403, body: error("AccessDenied"), expected: "denied"),
        Case(status: 403, body: error("SignatureDoesNotMatch"), expected: "badCredentials"),
        Case(status: 403, body: error("InvalidAccessKeyId"), expected: "badCredentials"),
        Case(status: 400, body: error("ExpiredToken"), expected: "badCredentials"),
        Case(status: 403, body: error("RequestTimeTooSkewed"), expected: "skewedClock"),
        Case(status: 500, expected: "again"), Case(status: 503, body: error("SlowDown"), expected: "again"),
        Case(status: 429, expected: "again"), Case(status: 400, body: error("RequestTimeout"), expected: "again"),
        Case(status: 301, operation: .head, region: "eu-west-1", expected: "eu-west-1"),
        Case(status: 307, region: "eu-west-1", expected: "eu-west-1"),
        Case(status: 400, body: error("AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>"), expected: "eu-central-1"),
        Case(status: 400, operation: .head, region: "eu-west-2", expected: "eu-west-2"),
        Case(status: 301, region: "evil.example.org/", expected: "wrongRegion"),
        Case(status: 301, body: error("PermanentRedirect", "<Endpoint>evil.example.org</Endpoint>"), expected: "wrongRegion"),
        Case(status: 400, region: "eu-west-1", body: error("InvalidArgument"), expected: "refused"),
        Case(status: 400, operation: .head, expected: "refused"), Case(status: 418, body: "<html>", expected: "refused"),
    ]

    @Test("statuses and codes, to what follows", arguments: cases)
    private func verdicts(_ example: Case) throws {
        let location = try ObjectLocation("s3://bucket/key")
        let response = StoreResponse(status: example.status, region: example.region, body: Array(example.body.utf8))
        let told =
            switch response.verdict(on: example.operation == .head ? .head(location) : .list(location, after: nil)) {
            case .good: "good"
            case .missing: "missing"
            case .again: "again"
            case .elsewhere(let region): region
            case .fault(let fault): fault.problem.rawValue
            }
        #expect(told == example.expected)
    }

    @Test("a fault says what, where, what came and what to do") func words() throws {
        let response = StoreResponse(status: 403, body: try Fixture.bytes("gcs-denied.xml"))
        guard case .fault(let fault) = response.verdict(on: .list(try ObjectLocation("gs://bucket/a\nb/"), after: nil)) else {
            Issue.record("no fault"); return
        }
        #expect(
            fault.description == "listing gs://bucket/a b/: it answered 403 AccessDenied (Access denied.): "
                + "check the key; it needs s3:GetObject and s3:ListBucket (Google: storage.objects.get and .list) there")
        guard
            case .fault(let other) = StoreResponse(status: 404, body: try Fixture.bytes("gcs-no-bucket.xml")).verdict(
                on: .list(try ObjectLocation("gs://bucket"), after: nil))
        else { Issue.record("no fault"); return }
        #expect(other.problem == .noBucket)
    }
}
