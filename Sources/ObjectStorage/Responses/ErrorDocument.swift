// What do the stores say of a failure?
//
// `<Error>`, from Amazon and Google alike: a code for programs, words for people, and where it is about regions, the bucket's.

struct ErrorDocument: Decodable, Hashable, Sendable {
    var code: String?
    var message: String?
    var region: String?

    private enum CodingKeys: String, CodingKey {
        case code = "Code"
        case message = "Message"
        case region = "Region"
    }

    /// nil where the body is none.
    init?(_ body: [UInt8]) {
        guard !body.isEmpty, let document = try? SafeXML.decode(ErrorDocument.self, root: "Error", body) else { return nil }
        self = document
    }
}
