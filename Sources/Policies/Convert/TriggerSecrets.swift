internal import Yams

// In which file does a trigger's secret stand, once the secret is mounted?
//
// KEDA reads secrets through the API; Greenroom reads files in its folder of secrets: a folder a namespace, in it a folder a
// Secret, since a policy that comes as an object may name its own namespace's alone. A `TriggerAuthentication` in the same
// text tells which secret and key a parameter comes from; without it the authentication's own name stands for the secret's.

struct TriggerSecrets {
    struct File {
        /// `agents/prometheus-creds/bearerToken`
        var path: String
        var secret: Substring
        /// Whether an authentication of the text said so.
        var isKnown: Bool
    }

    /// Secret and key, by authentication and parameter.
    private var files: [String: [String: String]] = [:]

    init(_ manifests: [Node]) {
        for manifest in manifests {
            guard let mapping = manifest.mapping, mapping["kind"]?.string?.hasSuffix("TriggerAuthentication") == true,
                let name = mapping["metadata"]?.mapping?["name"]?.string
            else { continue }
            for target in mapping["spec"]?.mapping?["secretTargetRef"]?.sequence.map(Array.init) ?? [] {
                guard let parameter = target.mapping?["parameter"]?.string, let secret = target.mapping?["name"]?.string,
                    let key = target.mapping?["key"]?.string
                else { continue }
                files[name, default: [:]][parameter] = "\(secret)/\(key)"
            }
        }
    }

    func file(_ authentication: String, _ parameter: String, in namespace: Substring) -> File {
        let known = files[authentication]?[parameter]
        let file = known ?? "\(authentication)/\(parameter)"
        return File(path: "\(namespace)/\(file)", secret: file.prefix { $0 != "/" }, isKnown: known != nil)
    }

    /// Whether the text has this authentication and it gives this parameter; nil where the text doesn't have it.
    func gives(_ authentication: String, _ parameter: String) -> Bool? { files[authentication].map { $0[parameter] != nil } }
}
