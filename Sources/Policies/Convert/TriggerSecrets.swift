internal import Yams

// In which file does a trigger's secret stand, once the secret is mounted?
//
// KEDA reads secrets through the API; Greenroom reads files in its folder of secrets: a folder a namespace, in it a folder a
// Secret, since a policy that comes as an object may name its own namespace's alone. A `TriggerAuthentication` in the same
// text tells which secret and key a parameter comes from, or that there is none: a pod identity, a vault. Without it the
// authentication's own name stands for the secret's.

struct TriggerSecrets {
    struct File {
        /// `agents/prometheus-creds/bearerToken`
        var path: String
        var secret: Substring
        /// Whether an authentication of the text said so.
        var isKnown: Bool
    }

    /// What an authentication of the text gives.
    struct Authentication {
        /// Secret and key, by parameter.
        var files: [String: String] = [:]
        /// `gcp`, `aws`, `azure-workload`; nil where it names none.
        var podIdentity: String?
        /// Where else it takes values from: `hashiCorpVault`, `env`, …
        var otherSources: [String] = []
    }

    /// Who an `authenticationRef` speaks of. Names of one namespace mean nothing in another.
    private struct Key: Hashable {
        var isCluster: Bool
        var namespace: String
        var name: String
    }

    private var known: [Key: Authentication] = [:]

    init(_ manifests: [Node]) {
        for manifest in manifests {
            guard let mapping = manifest.mapping, let kind = mapping["kind"]?.string, kind.hasSuffix("TriggerAuthentication"),
                let metadata = mapping["metadata"]?.mapping, let name = metadata["name"]?.string
            else { continue }
            let isCluster = kind == "ClusterTriggerAuthentication"
            let key = Key(isCluster: isCluster, namespace: isCluster ? "" : metadata["namespace"]?.string ?? "default", name: name)
            known[key] = Self.authentication(mapping["spec"]?.mapping)
        }
    }

    private static func authentication(_ spec: Node.Mapping?) -> Authentication {
        var authentication = Authentication()
        for target in spec?["secretTargetRef"]?.sequence.map(Array.init) ?? [] {
            guard let parameter = target.mapping?["parameter"]?.string, let secret = target.mapping?["name"]?.string,
                let key = target.mapping?["key"]?.string
            else { continue }
            authentication.files[parameter] = "\(secret)/\(key)"
        }
        if let provider = spec?["podIdentity"]?.mapping?["provider"]?.string, provider != "none" { authentication.podIdentity = provider }
        for key in spec?.keys.compactMap(\.string) ?? [] where key != "secretTargetRef" && key != "podIdentity" {
            authentication.otherSources.append(key)
        }
        return authentication
    }

    /// nil where the text doesn't have it.
    func authentication(_ reference: Reference, in namespace: Substring) -> Authentication? {
        known[Key(isCluster: reference.isCluster, namespace: reference.isCluster ? "" : String(namespace), name: reference.name)]
    }

    /// An `authenticationRef`.
    struct Reference {
        var name: String
        var isCluster: Bool
    }

    func file(_ reference: Reference, _ parameter: String, in namespace: Substring) -> File {
        let found = authentication(reference, in: namespace)?.files[parameter]
        let file = found ?? "\(reference.name)/\(parameter)"
        return File(path: "\(namespace)/\(file)", secret: file.prefix { $0 != "/" }, isKnown: found != nil)
    }
}
