import Foundation
import TestSupport
import Testing

@testable import ExternalMetrics

// curl, as an operator would use it: an independent reader of our TLS, HTTP/1.1 and HTTP/2.

@Suite struct CurlTests {
    private static let metric =
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/greenroom_queue_depth?labelSelector=pool%3Dkagent-default"

    @Test(
        "curl reads metrics with a proxy's certificate, is refused without, and is refused the handshake with a foreign one",
        arguments: ["--http1.1", "--http2"])
    func curl(_ version: String) async throws {
        guard let curl = Tool.find("curl") else { return Tool.skip("curl is not installed: it was not tried as a peer") }
        try await Stage.run { (stage) async throws in
            func query(_ path: String, _ identity: CertificateIdentity?, _ arguments: [String] = []) async throws -> (
                status: Int32, output: String
            ) {
                let credentials = identity.map { ["--cert", $0.certificate, "--key", $0.key] } ?? []
                let fixed = [
                    "-sS", "--max-time", "10", version, "--cacert", stage.serving.certificate, "-w", " %{http_code} %{http_version}",
                ]
                let target = [
                    "--resolve", "greenroom.greenroom-system.svc:\(stage.server.port):127.0.0.1",
                    "https://greenroom.greenroom-system.svc:\(stage.server.port)\(path)",
                ]
                return try await Tool.run(curl, fixed + credentials + arguments + target)
            }
            let suffix = version == "--http2" ? "2" : "1.1"
            let good = try await query(Self.metric, stage.proxy, ["-H", "X-Remote-User: admin"])
            #expect(good.status == 0 && good.output.hasSuffix(" 200 \(suffix)") && good.output.contains(#""value":"20""#), "\(good)")
            let head = try await query("/apis", stage.proxy, ["-H", "X-Remote-User: admin", "--head"])
            #expect(
                head.status == 0 && head.output.hasSuffix(" 200 \(suffix)")
                    && head.output.lowercased().contains("content-type: application/json"), "\(head)")
            let large = try await query(
                "/apis", stage.proxy, ["-H", "X-Remote-User: admin", "-X", "GET", "-d", "@\(try Self.large(in: stage))"])
            #expect(large.status == 0 && large.output.hasSuffix(" 413 \(suffix)"), "\(large)")
            if version == "--http1.1" {
                let malformed = try await query("/apis", stage.proxy, ["-H", "bad name: x"])
                #expect(
                    malformed.status == 0 && malformed.output.hasSuffix(" 400 1.1") && malformed.output.contains(#""reason":"BadRequest""#),
                    "\(malformed)")
            }
            let nobody = try await query(Self.metric, nil, ["-H", "X-Remote-User: admin"])
            #expect(nobody.status == 0 && nobody.output.hasSuffix(" 401 \(suffix)"), "\(nobody)")
            let foreign = try await query(Self.metric, stage.foreigner, ["-H", "X-Remote-User: admin"])
            #expect(foreign.status != 0, "\(foreign)")
        }
    }

    private static func large(in stage: Stage) throws -> String {
        let file = stage.folder.appendingPathComponent("large")
        try String(repeating: "x", count: 1 << 20).write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }
}
