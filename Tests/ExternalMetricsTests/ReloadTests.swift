import Foundation
import HTTPTransport
import NIOSSL
import TestSupport
import Testing

@testable import ExternalMetrics

@Suite struct ReloadTests {
    private static let metric = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/greenroom_demand"
    private static let remote = [("X-Remote-User", "admin")]

    private func der(_ identity: CertificateIdentity) throws -> [UInt8] {
        try #require(try NIOSSLCertificate.fromPEMFile(identity.certificate).first).toDERBytes()
    }

    private func replace(_ identity: CertificateIdentity, with other: CertificateIdentity) throws {
        for (path, source) in [(identity.certificate, other.certificate), (identity.key, other.key)] {
            try Data(contentsOf: URL(fileURLWithPath: source)).write(to: URL(fileURLWithPath: path), options: .atomic)
        }
    }

    @Test("a new certificate is for new connections; those that are open are served on, and no request fails", arguments: Wire.allCases)
    func underTraffic(_ wire: Wire) async throws {
        try await Stage.run { (stage) async throws in
            let renewed = try await Stage.serverCertificate("renewed", stage.serving)
            let (old, new) = (try der(stage.serverIdentity), try der(renewed))
            let before = try await stage.open(stage.proxy, wire)
            #expect(before.serverCertificate == old)

            let (over, answered) = (Count(), Count())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while over.value == 0, !Task.isCancelled {
                        let response = try await before.send(.GET, Self.metric, Self.remote)
                        #expect(response.status == 200)
                        answered.raise()
                    }
                }
                group.addTask {
                    while over.value == 0, !Task.isCancelled {
                        let response = try await stage.get(Self.metric, as: stage.proxy, Self.remote, over: wire)
                        #expect(response.status == 200)
                    }
                }
                try await eventually("traffic") { answered.value > 3 }
                try replace(stage.serverIdentity, with: renewed)
                // The server's own watch finds it.
                try await eventually("the new certificate") {
                    let connection = try await stage.open(stage.proxy, wire)
                    defer { Task { await connection.close() } }
                    return connection.serverCertificate == new
                }
                let count = answered.value
                try await eventually("traffic on the old connection") { answered.value > count + 3 }
                over.raise()
                try await group.waitForAll()
            }
            #expect(before.isOpen)
            #expect(before.serverCertificate == old)
            await before.close()
        }
    }

    @Test("a proxy CA that changes is for new connections: its certificates come in, those of the old one don't")
    func authority() async throws {
        try await Stage.run { (stage) async throws in
            let other = try #require(try await CertificateAuthority.make("other-ca", in: stage.folder))
            let newProxy = try await other.issue("new-proxy", subject: "/CN=\(Stage.proxyName)")
            await #expect(throws: (any Error).self) { try await stage.get(Self.metric, as: newProxy, Self.remote) }
            let pem = try Data(contentsOf: URL(fileURLWithPath: other.certificate))
            try pem.write(to: URL(fileURLWithPath: stage.requestHeader.certificate), options: .atomic)
            #expect(try stage.server.reloadCertificates())
            #expect(try await stage.get(Self.metric, as: newProxy, Self.remote).status == 200)
            await #expect(throws: (any Error).self) { try await stage.get(Self.metric, as: stage.proxy, Self.remote) }
        }
    }

    @Test("files that don't fit, are no certificates or are gone change nothing and are named; so does half a replacement")
    func faults() async throws {
        try await Stage.run { (stage) async throws in
            let renewed = try await Stage.serverCertificate("renewed", stage.serving)
            let files = TLSFiles(
                certificateFile: stage.folder.appendingPathComponent("live.pem").path,
                keyFile: stage.folder.appendingPathComponent("live.key").path)
            func copy(_ from: String, _ to: String) throws {
                try Data(contentsOf: URL(fileURLWithPath: from)).write(to: URL(fileURLWithPath: to))
            }
            try copy(stage.serverIdentity.certificate, files.certificateFile)
            try copy(stage.serverIdentity.key, files.keyFile)
            let tls = try ReloadingTLSContext(files)
            let first = ObjectIdentifier(tls.current)
            #expect(try !tls.reloadIfChanged())

            try copy(renewed.certificate, files.certificateFile)
            #expect { try tls.reloadIfChanged() } throws: { "\($0)".contains(files.keyFile) }
            try Data("nonsense".utf8).write(to: URL(fileURLWithPath: files.certificateFile))
            #expect { try tls.reloadIfChanged() } throws: { "\($0)".hasPrefix(files.certificateFile) }
            try FileManager.default.removeItem(atPath: files.keyFile)
            #expect { try tls.reloadIfChanged() } throws: { "\($0)".hasPrefix(files.keyFile) && "\($0)".contains("No such file") }
            try Data(count: TLSFiles.fileBytesMost + 1).write(to: URL(fileURLWithPath: files.keyFile))
            #expect { try tls.reloadIfChanged() } throws: { "\($0)".contains("more than") }
            #expect(ObjectIdentifier(tls.current) == first)

            try copy(renewed.certificate, files.certificateFile)
            try copy(renewed.key, files.keyFile)
            #expect(try tls.reloadIfChanged())
            #expect(ObjectIdentifier(tls.current) != first)
        }
    }

    @Test("front proxies that the cluster names count from the next connection on, and those it names no more don't")
    func frontProxies() async throws {
        try await Stage.run(edit: {
            $0.tls.clientAuthorityFile = nil; $0.frontProxy = nil
        }) { (stage) async throws in
            let authority = Array(try Data(contentsOf: URL(fileURLWithPath: stage.requestHeader.certificate)))
            /// A connection that opens in the moment of a change is sent away, and comes again.
            func status(_ identity: CertificateIdentity?) async throws -> Int {
                for _ in 1...4 {
                    if let response = try? await stage.get(Self.metric, as: identity, Self.remote) { return response.status }
                }
                return try await stage.get(Self.metric, as: identity, Self.remote).status
            }
            #expect(try await status(stage.proxy) == 401)
            let early = try await stage.open(stage.proxy)
            #expect(try await early.send(.GET, Self.metric, Self.remote).status == 401)

            try stage.server.believe(FrontProxyTrust(authorityPEM: authority, proxy: FrontProxy(allowedNames: [Stage.proxyName])))
            #expect(try await status(stage.proxy) == 200)
            #expect(try await status(stage.stranger) == 401)
            // A proxy that came too early is sent away, not refused for as long as it keeps its connection.
            try await eventually("the early connection closes") { !early.isOpen }

            try stage.server.believe(FrontProxyTrust(authorityPEM: authority, proxy: FrontProxy(allowedNames: ["another"])))
            #expect(try await status(stage.proxy) == 401)

            // What is no certificate changes nothing.
            #expect(throws: TLSFiles.Fault.self) {
                try stage.server.believe(
                    FrontProxyTrust(authorityPEM: Array("rubbish".utf8), proxy: FrontProxy(allowedNames: [Stage.proxyName])))
            }
            #expect(try await status(stage.proxy) == 401)
            // A new certificate of the server's own keeps the authority.
            try stage.server.believe(FrontProxyTrust(authorityPEM: authority, proxy: FrontProxy(allowedNames: [Stage.proxyName])))
            try replace(stage.serverIdentity, with: try await Stage.serverCertificate("renewed", stage.serving))
            _ = try stage.server.reloadCertificates()
            #expect(try await status(stage.proxy) == 200)
        }
    }
}
