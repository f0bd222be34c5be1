import Foundation
import Testing

// What does a manifest allow?

enum ManifestRights {
    /// `VERB GROUP RESOURCE` of each rule of a ClusterRole.
    ///
    /// - Parameter file: from the package's folder.
    static func of(_ file: String, _ role: String) throws -> Set<String> {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 1...5 { root.deleteLastPathComponent() }
        let text = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
        let found = try #require(
            text.components(separatedBy: "\n---\n").first { $0.contains("kind: ClusterRole\n") && $0.contains("\n  name: \(role)\n") })
        var rights: Set<String> = []
        var (groups, resources): ([String], [String]) = ([], [])
        for line in found.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let values = line[colon...].filter { !": []'".contains($0) }.split(separator: ",", omittingEmptySubsequences: false).map(
                String.init)
            if line.hasPrefix("- apiGroups:") { groups = values }
            if line.hasPrefix("  resources:") { resources = values }
            guard line.hasPrefix("  verbs:") else { continue }
            for group in groups { for resource in resources { for verb in values { rights.insert("\(verb) \(group) \(resource)") } } }
        }
        return rights
    }
}
