// Why is there no answer?
//
// What was asked, of what, what went wrong and what to do. "There is no such object" is an answer, not a fault. Texts of the
// server are cut and made printable; keys and tokens are in none.

package struct StoreFault: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: String, Hashable, Sendable {
        case noBucket, denied, badCredentials, skewedClock, wrongRegion, overloaded, unreachable, tooLarge, notUnderstood, refused,
            badLocation
    }

    package let problem: Problem
    /// `s3://bucket/key`
    package let place: String
    let bucketURI: String
    let operation: StoreRequest.Operation
    /// What the server said, or what happened.
    let detail: String

    static let detailCharacters = 200

    init(_ problem: Problem, _ request: StoreRequest, _ detail: String) {
        self.problem = problem
        self.detail = PlainText.of(detail, limit: Self.detailCharacters)
        operation = request.operation
        bucketURI = request.location.bucketURI
        place = PlainText.of(request.location.description, limit: Self.detailCharacters)
    }

    package var description: String {
        "\(operation == .head ? "looking at" : "listing") \(place): \(detail): \(advice)"
    }

    private var advice: String {
        switch problem {
        case .noBucket: "check the bucket's name and the endpoint"
        case .denied: "check the key; it needs s3:GetObject and s3:ListBucket (Google: storage.objects.get and .list) there"
        case .badCredentials: "check the access key, its secret and its session token"
        case .skewedClock: "set this machine's clock"
        case .wrongRegion: "set objectStorage.s3.region to the bucket's"
        case .overloaded: "lower objectStorage.looksPerSecond if this continues"
        case .unreachable: "check the endpoint and the network to it"
        case .tooLarge: "name a narrower location"
        case .notUnderstood: "check that the endpoint is an S3 or Google Cloud Storage XML API"
        case .refused: "check the configuration of objectStorage"
        case .badLocation: "correct what names it"
        }
    }
}
