import Domain

// What does an answer say, and is it to be asked again, elsewhere, or not at all?
//
// Pure: status, headers and a bounded body in, a verdict out. A HEAD has no body, so its 403 doesn't tell a wrong key from a
// missing right, nor its 404 a missing object from a missing bucket: whoever must know lists.

struct StoreResponse: Sendable {
    var status: Int
    /// `x-amz-bucket-region`
    var region: String?
    var retryAfterSeconds: Int?
    var contentLength: Int64?
    var body: [UInt8] = []

    enum Verdict: Hashable, Sendable {
        case good
        /// There is no such object.
        case missing
        /// It will pass: ask again, not before so many seconds.
        case again(afterSeconds: Int, StoreFault)
        /// The bucket is in another region.
        case elsewhere(region: String)
        case fault(StoreFault)
    }

    func verdict(on request: StoreRequest) -> Verdict {
        if status == 200 { return .good }
        let said = ErrorDocument(body)
        func fault(_ problem: StoreFault.Problem) -> StoreFault { StoreFault(problem, request, words(said)) }
        switch (status, said?.code) {
        case (_, "NoSuchBucket"): return .fault(fault(.noBucket))
        case (404, _): return request.operation == .head ? .missing : .fault(fault(.noBucket))
        case (429, _), (500, _), (502, _), (503, _), (504, _), (408, _), (_, "SlowDown"), (_, "RequestTimeout"), (_, "InternalError"):
            return .again(afterSeconds: retryAfterSeconds ?? 0, fault(.overloaded))
        case (301, _), (302, _), (307, _), (308, _), (400, "AuthorizationHeaderMalformed"), (400, "IllegalLocationConstraintException"),
            (400, nil):
            if let region = Self.region(region) ?? Self.region(said?.region) { return .elsewhere(region: region) }
            return .fault(fault(status == 400 ? .refused : .wrongRegion))
        case (_, "RequestTimeTooSkewed"): return .fault(fault(.skewedClock))
        case (_, "InvalidAccessKeyId"), (_, "SignatureDoesNotMatch"), (_, "ExpiredToken"), (_, "InvalidToken"), (401, _):
            return .fault(fault(.badCredentials))
        case (403, _): return .fault(fault(.denied))
        default: return .fault(fault(.refused))
        }
    }

    private func words(_ said: ErrorDocument?) -> String {
        guard let said, let code = said.code else { return "it answered \(status)" }
        return "it answered \(status) \(code)" + (said.message.map { " (\($0))" } ?? "")
    }

    private static func region(_ text: String?) -> String? { text.flatMap { StoreConfiguration.isRegion($0) ? $0 : nil } }
}
