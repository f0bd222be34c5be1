import Foundation
import XMLCoder

// What must hold of a document before XMLCoder decodes it?
//
// UTF-8, without a document type: no store sends one, and its entities can be made to grow without bound. How long it may be is
// the transport's limit.

enum SafeXML {
    static func decode<Document: Decodable>(_ type: Document.Type, root: String, _ body: [UInt8]) throws(XMLFault) -> Document {
        // Other encodings could hide a document type from the check.
        guard let text = String(validating: body, as: UTF8.self), !body.contains(0) else { throw XMLFault("it is not UTF-8") }
        guard !text.contains("<!DOCTYPE"), !text.contains("<!ENTITY") else { throw XMLFault("it declares a document type") }
        guard text.contains("<\(root)") else { throw XMLFault("it has no <\(root)>") }
        let decoder = XMLDecoder(trimValueWhitespaces: false, removeWhitespaceElements: true)
        do { return try decoder.decode(type, from: Data(body)) } catch { throw XMLFault("it is no \(root)") }
    }
}

struct XMLFault: Error, Hashable, Sendable {
    let problem: String
    init(_ problem: String) { self.problem = problem }
}
