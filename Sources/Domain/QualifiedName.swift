// In which namespace is a name?
//
// Actors and workers are (namespace, name); their namespace is their pool's. Written, that is `NAMESPACE/NAME`; a pool is
// named so everywhere. The namespace ends at the first slash: names may have slashes of their own. A pool without a slash is
// in `default`.

@usableFromInline package enum QualifiedName {
    @inlinable package static var slash: UInt8 { UInt8(ascii: "/") }
    package static let defaultNamespace = "default"

    /// `NAMESPACE/NAME` apart; nil where nothing stands before the first slash, or behind it.
    package static func split(_ text: some StringProtocol) -> (namespace: String, name: String)? {
        guard let slash = text.firstIndex(of: "/"), slash > text.startIndex else { return nil }
        let name = text[text.index(after: slash)...]
        return name.isEmpty ? nil : (String(text[..<slash]), String(name))
    }

    /// The same of bytes: where the slash is.
    @inlinable package static func slash(in name: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let slash = name.firstIndex(of: slash), slash > 0, slash + 1 < name.count else { return nil }
        return slash
    }

    package static func join(_ namespace: String, _ name: String) -> String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

    /// Of a pool, as it is named.
    package static func namespace(ofPool pool: String) -> String {
        guard let slash = pool.utf8.firstIndex(of: Self.slash) else { return defaultNamespace }
        return String(pool[..<slash])
    }

    /// A pool's name in full: without a namespace it is in `default`.
    package static func pool(_ name: String) -> String {
        name.utf8.contains(slash) ? name : join(defaultNamespace, name)
    }

    /// The name within `namespace`, of one that may be written with it.
    package static func bare(_ name: String, in namespace: String) -> String {
        guard !namespace.isEmpty, name.utf8.starts(with: namespace.utf8) else { return name }
        let rest = name.utf8.dropFirst(namespace.utf8.count)
        guard rest.count > 1, rest.first == slash else { return name }
        return String(Substring(rest.dropFirst()))
    }

    /// `NAMESPACE/NAME` of a name in a view, which is bare within the view's own namespace and whole where it is of another.
    package static func whole(_ name: String, seenFrom namespace: String) -> String { name.contains("/") ? name : join(namespace, name) }

    /// `NAMESPACE/NAME` of a name that may be written with its namespace already.
    package static func full(_ name: String, in namespace: String) -> String {
        namespace.isEmpty ? name : join(namespace, bare(name, in: namespace))
    }
}
