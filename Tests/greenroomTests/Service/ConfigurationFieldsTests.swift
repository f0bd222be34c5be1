import Domain
import Foundation
import Testing

@testable import Assembly
@testable import Commands
@testable import Output

@Suite struct ConfigurationFieldsTests {
    /// Every field there is, with a value that is taken.
    private static let whole = #"""
        "listen": "127.0.0.1:8080",
        "tls": {"listen": "127.0.0.1:8443", "certificate": "c.pem", "key": "k.pem"},
        "tokens": "tokens", "allowedHosts": ["a"], "openMetrics": true, "eventLoops": 2, "database": "a.db", "checkpointEvents": 1000, "series": true,
        "log": {"jetstream": {
          "servers": ["nats://a:4222", "tls://b:4222"], "stream": "s", "replicas": 3, "instance": "i", "user": "u", "passwordFile": "p",
          "tls": {"ca": "ca", "certificate": "c", "key": "k", "handshakeFirst": true}, "leaseSeconds": 15,
          "snapshots": {"everyEvents": 1000, "keep": 2}
        }},
        "policies": ["p"], "secrets": "s",
        "logging": {"level": "info", "format": "json"},
        "workers": {"server": "http://127.0.0.1:8080", "arguments": ["a"], "nodes": ["n"], "tokenFile": "t"},
        "kubernetes": {
          "kubeconfig": "k", "namespace": "n", "policyNamespaces": ["n"], "policyAddresses": ["127.0.0.0/8"],
          "election": {
            "lease": "l", "namespace": "n", "identity": "i", "leaseDurationSeconds": 15, "renewDeadlineSeconds": 10, "retryPeriodSeconds": 2
          }
        },
        "keda": {"address": "127.0.0.1:9090", "tls": {"certificate": "c", "key": "k", "clientCA": "ca"}, "plaintext": false, "limits": {KEDA}},
        "externalMetrics": {
          "listen": "127.0.0.1:6443", "tls": {"certificate": "c", "key": "k"}, "frontProxy": {"clientCA": "ca", "allowedNames": ["n"]},
          "anonymousDiscovery": false, "eventLoops": 1, "limits": {EXTERNAL}
        },
        "gateway": {
          "listen": "127.0.0.1:9091", "tls": {"bundle": "b", "clientCA": "ca"}, "plaintext": false, "parkSeconds": 30, "maxParked": 10, "heal": true,
          "upstream": {
            "address": "127.0.0.1:443", "ca": "ca", "insecureSkipVerify": false, "serverName": "api", "bundle": "b", "tokenFile": "t",
            "plaintext": false
          },
          "reconcileSeconds": 60, "pools": {"a/b.c": "a/p"}, "defaultPool": "a/q", "limits": {GATEWAY}
        },
        "objectStorage": {
          "s3": {
            "endpoint": "https://minio:9000", "region": "r-1", "style": "path", "authority": "a", "anonymous": false,
            "keyFiles": {"accessKeyId": "a", "secretAccessKey": "b", "sessionToken": "c"}
          },
          "gs": {"endpoint": "https://gs:9000", "region": "auto", "style": "path", "authority": "a", "anonymous": true},
          "looksPerSecond": 1, "trustSeconds": 1,
          "golden": {"everySeconds": 1, "locations": ["s3://bucket/b"], "templates": {"a.b/c": "gs://bucket/b"}}
        },
        "sinks": {
          "alerts": {
            "url": "https://events:9000/a", "mode": "structured", "events": ["limits", "worker.gone"], "pools": ["ns/*"], "shadows": true,
            "from": "beginning", "tokenFile": "t", "headersFile": "h", "ca": "ca", "timeoutSeconds": 1
          }
        },
        "otlp": {
          "endpoint": "https://collector:4318", "metrics": true, "metricsSeconds": 1, "traces": true, "tracesSeconds": 1,
          "serviceName": "s", "tokenFile": "t", "headersFile": "h", "ca": "ca", "timeoutSeconds": 1
        },
        "limits": {LIMITS}
        """#

    /// In JSON, which is YAML. Limits have their defaults.
    private func text() -> String {
        let sections = [
            ("{KEDA}", "keda.limits."), ("{EXTERNAL}", "externalMetrics.limits."), ("{GATEWAY}", "gateway.limits."),
            ("{LIMITS}", "limits."),
        ]
        return "{"
            + sections.reduce(Self.whole) { text, section in
                let members = ConfigurationFields.all.filter { $0.path.hasPrefix(section.1) }.map {
                    "\"\($0.path.dropFirst(section.1.count))\": \($0.standard)"
                }
                return text.replacing(section.0, with: "{\(members.joined(separator: ", "))}")
            } + "}"
    }

    /// A debug build refuses to read a field that the table lacks; so this is both directions.
    @Test func `the table's fields are the reader's fields`() throws {
        // The gateway's certificate is given in one of two ways, credentials for NATS in one of four; a stream and a Lease exclude each other.
        let whole = text()
        let election = try #require(whole.range(of: #",\s+"election": \{[^}]*\}"#, options: .regularExpression))
        let stream = try #require(whole.range(of: #""log": \{[\s\S]*?\}\},"#, options: .regularExpression))
        let replicated = whole.replacingCharacters(in: election, with: "")
        let texts =
            [
                replicated,
                whole.replacingCharacters(in: stream, with: "").replacing(
                    #"{"bundle": "b", "clientCA""#, with: #"{"certificate": "c", "key": "k", "clientCA""#),
            ]
            + ["tokenFile", "nkeyFile", "credentialsFile"].map {
                replicated.replacing(#""user": "u", "passwordFile": "p""#, with: "\"\($0)\": \"f\"")
            }
        for text in texts { _ = try ServiceConfiguration(yaml: text, file: "/etc/greenroom/config.yaml") }
        let written = Set(try texts.flatMap { Self.leaves(try JSONValue(parsing: $0), "") })
        for field in ConfigurationFields.all {
            let names = field.path.contains("s3|gs") ? ["s3", "gs"].map { field.path.replacing("s3|gs", with: $0) } : [field.path]
            let isWritten = names.contains { name in
                name.contains(".*.")
                    ? written.contains { $0.hasPrefix(name.prefix { $0 != "*" }) && $0.hasSuffix(name.drop { $0 != "*" }.dropFirst()) }
                    : name.hasSuffix("*") ? written.contains { $0.hasPrefix(name.dropLast()) } : written.contains(name)
            }
            #expect(isWritten, "\(field.path) is in the table, and the test's configuration doesn't have it")
        }
        for path in written { #expect(ConfigurationFields.has(path), "\(path)") }
    }

    private static func leaves(_ value: JSONValue, _ path: String) -> [String] {
        guard value.isObject else { return [path] }
        return value.fields.flatMap { leaves($0.value, path.isEmpty ? $0.key : "\(path).\($0.key)") }
    }

    @Test func `help names every field, and none of its lines is too wide`() {
        for field in ConfigurationFields.all { #expect(ConfigurationFields.help.contains("  \(field.path) (")) }
        for line in ConfigurationFields.help.split(separator: "\n") { #expect(DisplayText.width(String(line)) <= 80, "\(line)") }
        #expect(ServeCommand.configuration.discussion.contains(ConfigurationFields.help))
    }

    /// `GREENROOM_WRITE_DOCS=1 swift test --filter ConfigurationFieldsTests` writes it anew.
    @Test func `docs/configuration.md is made of the table`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appendingPathComponent("docs/configuration.md")
        let page = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(page.range(of: "| field | default | |"))
        let wanted = String(page[..<start.lowerBound]) + ConfigurationFields.markdown
        if ProcessInfo.processInfo.environment["GREENROOM_WRITE_DOCS"] != nil {
            try wanted.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(page == wanted, "run it with GREENROOM_WRITE_DOCS=1")
    }
}
