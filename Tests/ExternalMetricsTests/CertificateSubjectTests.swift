import Foundation
import NIOSSL
import TestSupport
import Testing

@testable import ExternalMetrics

@Suite struct CertificateSubjectTests {
    @Test(
        "the common name is found wherever it stands; the last of several counts",
        arguments: [
            ("/CN=front-proxy-client", "front-proxy-client"), ("/C=CH/O=kubernetes/OU=x/CN=front-proxy-client", "front-proxy-client"),
            ("/CN=a/O=kubernetes", "a"),
            ("/CN=first/CN=second", "second"), ("/CN=Zürich", "Zürich"), ("/O=no name", nil), ("/O=a+CN=b", "b"),
            ("/CN=\(String(repeating: "x", count: 64))", String(repeating: "x", count: 64)),
        ])
    func commonName(_ subject: String, _ expected: String?) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-subject-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        guard let authority = try await CertificateAuthority.make("ca", in: folder) else { return }
        let identity = try await authority.issue("leaf", subject: subject)
        let der = try #require(try NIOSSLCertificate.fromPEMFile(identity.certificate).first).toDERBytes()
        #expect(CertificateSubject.commonName(der: der) == expected)
        for length in 0..<der.count { _ = CertificateSubject.commonName(der: Array(der[..<length])) }
        for index in der.indices {
            var broken = der
            broken[index] ^= 0xFF
            _ = CertificateSubject.commonName(der: broken)
        }
    }

    @Test(
        "what is no certificate has no name",
        arguments: [
            [], [0x30], [0x30, 0x80], [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], [0x30, 0x02, 0x30, 0x00], [UInt8](repeating: 0x30, count: 64),
        ])
    func broken(_ der: [UInt8]) { #expect(CertificateSubject.commonName(der: der) == nil) }
}
