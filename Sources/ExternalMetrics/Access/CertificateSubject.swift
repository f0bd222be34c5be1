// What is the common name in a certificate's subject?
//
// Only ever asked of a certificate that TLS has verified. Reads as much of its DER (X.690; RFC 5280, 4.1) as leads there:
// Certificate → TBSCertificate → past version, serial, signature, issuer and validity → subject. Where there are several common names
// the last counts, as in Go, and so in Kubernetes. What doesn't fit the grammar has no name.

package enum CertificateSubject {
    private static let sequence: UInt8 = 0x30
    private static let set: UInt8 = 0x31
    private static let objectIdentifier: UInt8 = 0x06
    private static let versionTag: UInt8 = 0xA0
    /// UTF8String, PrintableString, TeletexString, IA5String.
    private static let texts: Set<UInt8> = [0x0C, 0x13, 0x14, 0x16]
    /// 2.5.4.3
    private static let commonNameIdentifier: [UInt8] = [0x55, 0x04, 0x03]

    package static func commonName(der: [UInt8]) -> String? {
        var outer = DERReader(der[...])
        guard var certificate = outer.enter(sequence), var fields = certificate.enter(sequence) else { return nil }
        if fields.tag == versionTag { _ = fields.next() }
        // Serial number, signature algorithm, issuer, validity.
        for _ in 0..<4 where fields.next() == nil { return nil }
        guard var subject = fields.enter(sequence) else { return nil }
        var name: String?
        while let found = attributes(&subject) { name = found.last ?? name }
        return name
    }

    /// The common names of the next relative distinguished name; nil at the end.
    private static func attributes(_ subject: inout DERReader) -> [String]? {
        guard var members = subject.enter(set) else { return nil }
        var names: [String] = []
        while var attribute = members.enter(sequence) {
            guard let type = attribute.next(), let value = attribute.next() else { break }
            guard type.tag == objectIdentifier, Array(type.content) == commonNameIdentifier, texts.contains(value.tag) else { continue }
            if let text = String(validating: value.content, as: UTF8.self) { names.append(text) }
        }
        return names
    }
}

/// Walks over elements of DER: tag, length, content.
private struct DERReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// Of the next element.
    var tag: UInt8? { rest.first }

    mutating func next() -> (tag: UInt8, content: ArraySlice<UInt8>)? {
        guard let tag = rest.popFirst(), let length = length(), length <= rest.count else { return nil }
        let content = rest.prefix(length)
        rest = rest.dropFirst(length)
        return (tag, content)
    }

    /// The inside of the next element, if it is of that kind.
    mutating func enter(_ tag: UInt8) -> DERReader? {
        guard self.tag == tag else { return nil }
        return next().map { DERReader($0.content) }
    }

    /// One byte, or as many as the first says: four at most.
    private mutating func length() -> Int? {
        guard let first = rest.popFirst() else { return nil }
        if first < 0x80 { return Int(first) }
        let count = Int(first & 0x7F)
        guard (1...4).contains(count), rest.count >= count else { return nil }
        var length = 0
        for _ in 0..<count { length = length << 8 | Int(rest.popFirst() ?? 0) }
        return length
    }
}
