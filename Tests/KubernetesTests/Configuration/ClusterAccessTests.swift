import Foundation
import Kubernetes
import KubernetesTwin
import TestSupport
import Testing

@Suite struct KubeconfigTests {
    private func config(
        cluster: String = "server: 'https://10.0.0.1:6443', insecure-skip-tls-verify: true", user: String = "token: abc",
        context: String = ""
    ) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: c
        contexts: [{name: c, context: {cluster: k, user: u\(context)}}, {name: other, context: {cluster: k2, user: u}}]
        clusters: [{name: k, cluster: {\(cluster)}}, {name: k2, cluster: {server: 'https://other:443'}}]
        users: [{name: u, user: {\(user)}}]
        """
    }

    private func read(_ text: String, context: String? = nil) throws -> ClusterAccess {
        try Kubeconfig.access(text: text, file: "/etc/k/config", context: context)
    }

    @Test("the current context gives server, namespace, trust and token")
    func plain() throws {
        let access = try read(config(context: ", namespace: team"))
        #expect(access.server == "https://10.0.0.1:6443" && access.namespace == "team" && access.trust == .insecure)
        guard case .token = access.credential else { return #expect(Bool(false), "no token") }
        let other = try read(config(), context: "other")
        #expect(other.server == "https://other:443" && other.trust == .system && other.namespace == "default")
    }

    @Test("authorities come from data; a token file is relative to the kubeconfig and comes before a token")
    func authorities() throws {
        let pem = "-----BEGIN CERTIFICATE-----"
        let access = try read(
            config(
                cluster: "server: 'https://h', certificate-authority-data: \(Data(pem.utf8).base64EncodedString())",
                user: "token: abc, tokenFile: t"))
        #expect(access.trust == .authorities(Array(pem.utf8)))
        guard case .tokenFile("/etc/k/t") = access.credential else { return #expect(Bool(false), "\(access.credential)") }
    }

    @Test("verification is skipped only where it says so in as many words", arguments: ["'yes'", "1", "false", "TRUE"])
    func secure(_ value: String) throws {
        #expect(try read(config(cluster: "server: 'https://h', insecure-skip-tls-verify: \(value)")).trust == .system)
    }

    @Test(
        "what can't be used is refused with what to do: part, user or cluster, words of the advice",
        arguments: [
            ("user", "exec: {command: aws}", "exec plugin"), ("user", "auth-provider: {name: gcp}", "auth providers"),
            ("user", "username: a, password: b", "passwords"),
            ("user", "token: abc, as: root", "impersonation"), ("user", "token: ''", "is empty"),
            ("user", "token: \"a\\nb\"", "characters"),
            ("user", "client-certificate-data: QQ==", "only one of"),
            ("user", "client-certificate-data: '?', client-key-data: QQ==", "not base64"),
            ("user", "client-certificate: /nowhere/c.pem, client-key: /nowhere/k.pem", "can't be opened"),
            ("cluster", "server: 'http://h'", "must be https"), ("cluster", "server: 'https://h/proxy/x'", "with a path"),
            ("cluster", "server: 'https://h:65536'", "1 to 65535"), ("cluster", "server: 'https://h:0'", "1 to 65535"),
            ("cluster", "insecure-skip-tls-verify: true", "server must be"),
            ("cluster", "server: 'https://h', proxy-url: 'http://p'", "proxy-url"),
            ("cluster", "server: 'https://h', tls-server-name: x", "tls-server-name"),
            ("cluster", "server: 'https://h', insecure-skip-tls-verify: true, certificate-authority-data: QQ==", "take one away"),
        ])
    func refused(_ part: String, _ fields: String, _ advice: String) {
        let text = part == "user" ? config(user: fields) : config(cluster: fields)
        let fault = #expect(throws: ClusterAccessFault.self) { try read(text) }
        #expect(fault?.description.contains(advice) == true, "\(fault?.description ?? "")")
    }

    @Test(
        "a broken file, a missing context and missing entries are told apart",
        arguments: [
            ("", "not a YAML mapping"), ("[1]", "not a YAML mapping"), ("a: b", "no current-context"),
            ("current-context: x", "no context named x"),
            ("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]", "no cluster named k"),
        ])
    func broken(_ text: String, _ problem: String) {
        let fault = #expect(throws: ClusterAccessFault.self) { try read(text) }
        #expect(fault?.description.contains(problem) == true, "\(fault?.description ?? "")")
    }

    @Test("secrets don't show, however they are printed")
    func secrets() throws {
        let access = try read(
            config(
                user: "token: verysecret, client-certificate-data: QUJD, client-key-data: \(Data("keysecret".utf8).base64EncodedString())"))
        var dumped = ""
        dump(access, to: &dumped)
        for text in ["\(access)", String(reflecting: access), dumped] {
            #expect(!text.contains("verysecret") && !text.contains("keysecret"), "\(text)")
        }
    }
}

@Suite struct InClusterTests {
    private func withFolder(_ files: [String: String], _ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-sa-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
        try await body(folder.path)
    }

    @Test("a pod finds its server, namespace, authority and token file")
    func found() async throws {
        try await withFolder(["ca.crt": "CA", "token": "t", "namespace": "team\n"]) { folder in
            let access = try ClusterAccess.inCluster(
                environment: ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "6443"], folder: folder)
            #expect(
                access.server == "https://10.96.0.1:6443" && access.namespace == "team" && access.trust == .authorities(Array("CA".utf8)))
            let six = try ClusterAccess.inCluster(environment: ["KUBERNETES_SERVICE_HOST": "fd00::1"], folder: folder)
            #expect(six.server == "https://[fd00::1]:443")
        }
    }

    @Test(
        "what is missing is named",
        arguments: [
            (["token": "t"], ["KUBERNETES_SERVICE_HOST": "h"], "ca.crt"), (["ca.crt": "CA"], ["KUBERNETES_SERVICE_HOST": "h"], "token"),
            (["ca.crt": "CA", "token": "t"], [:], "KUBERNETES_SERVICE_HOST"),
            (["ca.crt": "CA", "token": "t"], ["KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "x"], "KUBERNETES_SERVICE_PORT"),
            (["ca.crt": "CA", "token": "t"], ["KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "0"], "KUBERNETES_SERVICE_PORT"),
            (
                ["ca.crt": "CA", "token": "t"], ["KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "65536"],
                "KUBERNETES_SERVICE_PORT"
            ),
        ])
    func missing(_ files: [String: String], _ environment: [String: String], _ named: String) async throws {
        try await withFolder(files) { folder in
            let fault = #expect(throws: ClusterAccessFault.self) { try ClusterAccess.inCluster(environment: environment, folder: folder) }
            #expect(fault?.place.contains(named) == true)
        }
    }

    @Test("a token that was rotated is read again: after a minute, and at once where the old one is refused")
    func rotation() async throws {
        let twin = try await KubernetesTwin.start()
        try await withFolder(["token": "viewertoken\n"]) { folder in
            var access = twin.access()
            access.credential = .tokenFile(path: "\(folder)/token")
            let clock = ManualClock()
            let client = try KubernetesClient(access, limits: .quick, clock: clock.clock, logger: .silent)
            func user() async -> String { (twin.requests.last?.headers["authorization"]).map { String($0.dropFirst(7)) } ?? "" }
            _ = try await client.list(.leases, namespace: "default")
            #expect(await user() == "viewertoken")

            try Data("admintoken".utf8).write(to: URL(fileURLWithPath: "\(folder)/token"))
            _ = try await client.list(.leases, namespace: "default")
            #expect(await user() == "viewertoken", "not read again yet")
            clock.advance(.seconds(61))
            _ = try await client.list(.leases, namespace: "default")
            #expect(await user() == "admintoken")

            try Data("viewertoken".utf8).write(to: URL(fileURLWithPath: "\(folder)/token"))
            twin.inject(TwinFault(.respond(status: 401, body: "Unauthorized")))
            _ = try await client.list(.leases, namespace: "default")
            #expect(await user() == "viewertoken")

            try Data().write(to: URL(fileURLWithPath: "\(folder)/token"))
            clock.advance(.seconds(61))
            _ = try await client.list(.leases, namespace: "default")
            #expect(await user() == "viewertoken", "an unreadable file leaves the token that was read before")
            await client.close()
        }
        await twin.stop()
    }
}
