package import Domain

// Which golden snapshot does each template have?
//
//     LOCATION/TEMPLATE/SNAPSHOT            one object
//     LOCATION/TEMPLATE/SNAPSHOT/…          or a folder of them; its URI ends with a slash
//
// Where the layout names a template itself, snapshots lie right under its location. Of several, the one modified last is the
// template's; of equals, the one whose name is last. Objects that stand for folders (their key ends with a slash) count for nothing.

package struct GoldenLayout: Hashable, Sendable {
    let location: ObjectLocation
    let template: String?

    /// - Parameter template: what every snapshot there is of; nil: the first segment below the location says.
    package init(_ location: ObjectLocation, template: String? = nil) {
        self.location = location.asFolder
        self.template = template
    }

    package struct Golden: Hashable, Sendable {
        package var template: String
        package var uri: String
        package var bytes: Int64
        package var modified: LogTime
    }

    package static func goldens(_ layout: GoldenLayout, in store: ObjectStore) async throws -> [Golden] {
        layout.goldens(of: try await store.objects(under: layout.location))
    }

    /// One a template, by name.
    func goldens(of objects: [ListPage.Object]) -> [Golden] {
        var snapshots: [String: (template: String, parts: [ListPage.Object])] = [:]
        for object in objects where !object.key.hasSuffix("/") {
            guard let found = snapshot(of: object.key) else { continue }
            snapshots[found.uri, default: (found.template, [])].parts.append(object)
        }
        var latest: [String: Golden] = [:]
        for (uri, snapshot) in snapshots.sorted(by: { $0.key < $1.key }) {
            let modified = snapshot.parts.map(\.modified).max() ?? .zero
            if let other = latest[snapshot.template], other.modified > modified { continue }
            latest[snapshot.template] = Golden(template: snapshot.template, uri: uri, bytes: ByteSum.of(snapshot.parts), modified: modified)
        }
        return latest.values.sorted { $0.template < $1.template }
    }

    private func snapshot(of key: String) -> (template: String, uri: String)? {
        guard key.hasPrefix(location.key) else { return nil }
        var segments = key.dropFirst(location.key.count).split(separator: "/", omittingEmptySubsequences: false)[...]
        var path = location.key
        var name = template
        if name == nil, let first = segments.popFirst(), !first.isEmpty {
            name = String(first)
            path += "\(first)/"
        }
        guard let name, (1...EventLimits.nameBytes).contains(name.utf8.count), let snapshot = segments.popFirst(), !snapshot.isEmpty else {
            return nil
        }
        return (name, location.object(key: path + snapshot + (segments.isEmpty ? "" : "/")).description)
    }
}
