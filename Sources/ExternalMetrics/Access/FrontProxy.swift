import Basics
import Domain
import HTTPServing
import NIOHTTP1

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

    /// Of a verified proxy's request: whom it speaks for; nil where it names nobody.
    func user(_ headers: HTTPHeaders) -> UserInfo? {
        guard let name = first(userHeaders, headers) else { return nil }
        return UserInfo(
            name: name, uid: first(uidHeaders, headers) ?? "", groups: groupHeaders.flatMap { headers[$0] }.filter { !$0.isEmpty },
            extra: extra(headers))
    }

    private func first(_ names: [String], _ headers: HTTPHeaders) -> String? {
        for name in names {
            if let value = headers.first(name: name), !value.isEmpty { return value }
        }
        return nil
    }

    /// The rest of such a header's name is a key, in lower case and percent-encoded.
    private func extra(_ headers: HTTPHeaders) -> [String: [String]] {
        var extra: [String: [String]] = [:]
        for (name, value) in headers {
            let lower = name.lowercased()
            for prefix in extraHeaderPrefixes where lower.hasPrefix(prefix.lowercased()) {
                let key = lower.dropFirst(prefix.count)
                extra[PercentCoding.decode(key) ?? String(key), default: []].append(value)
            }
        }
        return extra
    }
}
