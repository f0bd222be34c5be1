import Basics
import Domain
import HTTPTransport
import HTTPTypes

// Whose word about somebody else is believed?
//
// The API server forwards a request under a certificate of its own and names the user in headers. The headers are believed
// where TLS has verified that certificate against the request-header CA and its common name is one of those allowed; from anybody
// else they are not even read. Names and rules are those of the ConfigMap `kube-system/extension-apiserver-authentication`.

package struct FrontProxy: Hashable, Sendable {
    /// Common names that may speak for others; none allows every certificate of the CA, as Kubernetes has it.
    package var allowedNames: [String]
    package var userHeaders: [String]
    package var uidHeaders: [String]
    package var groupHeaders: [String]
    package var extraHeaderPrefixes: [String]

    package init(
        allowedNames: [String] = [], userHeaders: [String] = ["X-Remote-User"], uidHeaders: [String] = ["X-Remote-Uid"],
        groupHeaders: [String] = ["X-Remote-Group"], extraHeaderPrefixes: [String] = ["X-Remote-Extra-"]
    ) {
        self.allowedNames = allowedNames
        self.userHeaders = userHeaders
        self.uidHeaders = uidHeaders
        self.groupHeaders = groupHeaders
        self.extraHeaderPrefixes = extraHeaderPrefixes
    }

    /// Whether the holder of a verified certificate may speak for others.
    func trusts(commonName: String?) -> Bool {
        if allowedNames.isEmpty { return true }
        return commonName.map(allowedNames.contains) ?? false
    }

    /// Of a verified proxy's request: the user it speaks for; nil where it names none.
    func user(_ fields: HTTPFields) -> UserInfo? {
        guard let name = first(userHeaders, fields) else { return nil }
        return UserInfo(
            name: name, uid: first(uidHeaders, fields) ?? "", groups: groupHeaders.flatMap { values($0, fields) }.filter { !$0.isEmpty },
            extra: extra(fields))
    }

    private func first(_ names: [String], _ fields: HTTPFields) -> String? {
        for name in names {
            if let value = values(name, fields).first, !value.isEmpty { return value }
        }
        return nil
    }

    private func values(_ name: String, _ fields: HTTPFields) -> [String] { HTTPField.Name(name).map { fields[values: $0] } ?? [] }

    /// The rest of such a header's name is a key, in lower case and percent-encoded.
    private func extra(_ fields: HTTPFields) -> [String: [String]] {
        var extra: [String: [String]] = [:]
        for field in fields {
            let lower = field.name.canonicalName
            for prefix in extraHeaderPrefixes where lower.hasPrefix(prefix.lowercased()) {
                let key = lower.dropFirst(prefix.count)
                extra[PercentCoding.decode(key) ?? String(key), default: []].append(field.value)
            }
        }
        return extra
    }
}
