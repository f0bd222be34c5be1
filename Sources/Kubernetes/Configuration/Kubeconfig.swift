import Foundation
import YAML
import Yams

// What does a kubeconfig say of the server, and of us?
//
// One context of one file: its cluster, its user. Taken are tokens, token files, client certificates (data or files, which
// are relative to the kubeconfig), authorities, and `insecure-skip-tls-verify: true` in as many words. Refused, each with
// what to do instead: exec plugins and auth providers (they would run programs), passwords, impersonation, proxies.

package enum Kubeconfig {
    package static func access(file: String, context: String? = nil) throws(ClusterAccessFault) -> ClusterAccess {
        // As kubectl does, several files may be joined by colons; the first that is there is taken.
        let paths = file.split(separator: ":").map(String.init)
        let path = paths.first { FileManager.default.fileExists(atPath: $0) } ?? file
        return try access(text: try BoundedFile.text(path), file: path, context: context)
    }

    /// - Parameter file: what faults call it, and where relative paths begin.
    package static func access(text: String, file: String, context: String? = nil) throws(ClusterAccessFault) -> ClusterAccess {
        let root: Node?
        do throws(YAMLFault) { root = try YAMLReader.document(of: text, limitBytes: ConfigurationFile.limitBytes) } catch {
            throw ClusterAccessFault("\(file):\(error.place.line):\(error.place.column)", "is not a YAML mapping: \(error.problem)")
        }
        guard let root, root.mapping != nil else { throw ClusterAccessFault(file, "is not a YAML mapping") }
        let reader = Reader(root: root, file: file)
        return try reader.access(context: context)
    }
}

private struct Reader {
    let root: Node
    let file: String

    func access(context: String?) throws(ClusterAccessFault) -> ClusterAccess {
        guard let name = context ?? text(root, "current-context"), !name.isEmpty else {
            throw ClusterAccessFault(file, "has no current-context: name a context, or run kubectl config use-context")
        }
        let chosen = try entry("contexts", "context", name)
        guard let clusterName = text(chosen, "cluster") else { throw ClusterAccessFault("\(file): context \(name)", "names no cluster") }
        let cluster = try entry("clusters", "cluster", clusterName)
        var access = ClusterAccess(server: try server(cluster, clusterName), namespace: text(chosen, "namespace") ?? "default")
        access.trust = try trust(cluster, clusterName)
        if let userName = text(chosen, "user") {
            let user = try entry("users", "user", userName)
            try refuse(user, userName)
            access.credential = try credential(user, userName)
            access.clientIdentity = try identity(user, userName)
        }
        return access
    }

    private func entry(_ list: String, _ member: String, _ name: String) throws(ClusterAccessFault) -> Node {
        let found = root[list]?.sequence?.first { text($0, "name") == name }
        guard let found else { throw ClusterAccessFault(file, "has no \(member) named \(name) under \(list)") }
        guard let value = found[member], value.mapping != nil else {
            throw ClusterAccessFault("\(file): \(list) \(name)", "has no \(member)")
        }
        return value
    }

    private func server(_ cluster: Node, _ name: String) throws(ClusterAccessFault) -> String {
        let place = "\(file): cluster \(name)"
        for field in ["proxy-url", "tls-server-name"] where cluster[field] != nil {
            throw ClusterAccessFault(place, "\(field) is not supported: reach the server directly, by a name in its certificate")
        }
        guard let server = text(cluster, "server"), let url = URLComponents(string: server), let host = url.host, !host.isEmpty else {
            throw ClusterAccessFault(place, "server must be https://HOST:PORT")
        }
        guard url.scheme == "https" else { throw ClusterAccessFault(place, "server must be https: a token must not travel in the clear") }
        guard url.path.isEmpty || url.path == "/" else {
            throw ClusterAccessFault(place, "a server with a path is not supported: \(url.path)")
        }
        if let port = url.port, !(1...65_535).contains(port) {
            throw ClusterAccessFault(place, "server names the port \(port): a port is a number from 1 to 65535")
        }
        return "https://\(host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host)\(url.port.map { ":\($0)" } ?? "")"
    }

    private func trust(_ cluster: Node, _ name: String) throws(ClusterAccessFault) -> ClusterAccess.Trust {
        let authorities = try pem(cluster, "certificate-authority", "cluster \(name)")
        guard text(cluster, "insecure-skip-tls-verify") == "true" else { return authorities.map { .authorities($0) } ?? .system }
        if authorities != nil {
            throw ClusterAccessFault(
                "\(file): cluster \(name)", "has both a certificate authority and insecure-skip-tls-verify: take one away")
        }
        return .insecure
    }

    private func refuse(_ user: Node, _ name: String) throws(ClusterAccessFault) {
        let advice = [
            "exec": "an exec plugin would run a program: put a token in its place, for instance from `kubectl create token`",
            "auth-provider": "auth providers are gone from Kubernetes: use a token or a client certificate",
            "username": "passwords are not supported: use a token or a client certificate",
            "password": "passwords are not supported: use a token or a client certificate",
            "as": "impersonation is not supported: use a token of that user",
        ]
        for (field, text) in advice.sorted(by: { $0.key < $1.key }) where user[field] != nil {
            throw ClusterAccessFault("\(file): user \(name): \(field)", text)
        }
    }

    private func credential(_ user: Node, _ name: String) throws(ClusterAccessFault) -> ClusterAccess.Credential {
        // As in client-go, the file comes before the token.
        if let path = text(user, "tokenFile") { return .tokenFile(path: resolve(path)) }
        guard let token = text(user, "token") else { return .none }
        guard TokenSource.isSendable(token) else {
            throw ClusterAccessFault("\(file): user \(name): token", "is empty or has characters that no token has")
        }
        return .token(Secret(token))
    }

    private func identity(_ user: Node, _ name: String) throws(ClusterAccessFault) -> ClusterAccess.ClientIdentity? {
        let certificate = try pem(user, "client-certificate", "user \(name)")
        let key = try pem(user, "client-key", "user \(name)")
        switch (certificate, key) {
        case (nil, nil): return nil
        case (let certificate?, let key?):
            return ClusterAccess.ClientIdentity(certificatePEM: certificate, keyPEM: Secret(String(decoding: key, as: UTF8.self)))
        default: throw ClusterAccessFault("\(file): user \(name)", "has only one of client-certificate and client-key: both are needed")
        }
    }

    /// `FIELD-data` in base64, else the file that `FIELD` names.
    private func pem(_ node: Node, _ field: String, _ owner: String) throws(ClusterAccessFault) -> [UInt8]? {
        if let encoded = text(node, "\(field)-data"), !encoded.isEmpty {
            guard let data = Data(base64Encoded: encoded, options: .ignoreUnknownCharacters), !data.isEmpty else {
                throw ClusterAccessFault("\(file): \(owner): \(field)-data", "is not base64")
            }
            return Array(data)
        }
        return try text(node, field).map { path throws(ClusterAccessFault) in try BoundedFile.read(resolve(path)) }
    }

    private func resolve(_ path: String) -> String {
        path.hasPrefix("/") ? path : URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(path).path
    }

    private func text(_ node: Node, _ field: String) -> String? { node[field]?.scalar?.string }
}
