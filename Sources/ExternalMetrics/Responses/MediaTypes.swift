// In which form does the client want its answer?
//
// Answers are JSON, and discovery may be aggregated. What a client prefers beyond that, protobuf above all, is passed over as
// long as it takes JSON too; only where it takes none of ours is it refused (406). A client that names no form takes any.

enum MediaTypes {
    /// The forms of discovery.
    enum Discovery: Hashable, Sendable {
        case plain
        /// `v2` or `v2beta1` of `apidiscovery.k8s.io`.
        case aggregated(version: String)
    }

    static let aggregatedVersions: Set<String> = ["v2", "v2beta1"]
    private static let aggregatedGroup = "apidiscovery.k8s.io"
    private static let aggregatedKind = "APIGroupDiscoveryList"
    /// Ranges of one field that are looked at.
    private static let rangesMost = 32

    static func aggregatedType(_ version: String) -> String { "application/json;g=\(aggregatedGroup);v=\(version);as=\(aggregatedKind)" }

    static func acceptsJSON(_ accept: [String]) -> Bool {
        let ranges = ranges(accept)
        return ranges.isEmpty || ranges.contains(where: \.isPlainJSON)
    }

    /// The first form the client names that we have; nil where we have none.
    static func discovery(_ accept: [String]) -> Discovery? {
        let ranges = ranges(accept)
        if ranges.isEmpty { return .plain }
        for range in ranges {
            if range.isPlainJSON { return .plain }
            guard range.isJSON, range.parameters["g"] == aggregatedGroup, range.parameters["as"] == aggregatedKind else { continue }
            if let version = range.parameters["v"], aggregatedVersions.contains(version) { return .aggregated(version: version) }
        }
        return nil
    }

    private struct Range {
        var type: String
        var parameters: [String: String]

        var isJSON: Bool { type == "application/json" }
        /// JSON that isn't asked to be converted into another kind.
        var isPlainJSON: Bool { (isJSON || type == "*/*" || type == "application/*") && parameters["as"] == nil && !isRefused }
        private var isRefused: Bool { parameters["q"].flatMap { Double($0) } == 0 }
    }

    private static func ranges(_ accept: [String]) -> [Range] {
        accept.flatMap { $0.split(separator: ",") }.prefix(rangesMost).map(range)
    }

    private static func range(_ text: Substring) -> Range {
        let parts = text.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
        var parameters: [String: String] = [:]
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { parameters[pair[0].lowercased()] = String(pair[1]) }
        }
        return Range(type: parts.first?.lowercased() ?? "", parameters: parameters)
    }
}
