import Domain

// What is there to be asked?
//
// The group, its one version, and its resources: each metric is one, as kubectl and the aggregator list it. Greenroom's own
// metrics are always there; those observed from outside are as the last snapshot had them, which nobody waits for: by
// `/apis/external.metrics.k8s.io/v1beta1` the API server tells whether this service lives.

enum DiscoveryResponses {
    /// Metrics listed at most; the others can be asked for all the same.
    static let resourcesMost = 1_000

    static func groupList() -> [UInt8] {
        object("APIGroupList", "v1") { json in
            json.key("groups")
            json.openArray()
            json.openObject()
            writeGroup(to: &json)
            json.closeObject()
            json.closeArray()
        }
    }

    static func group() -> [UInt8] { object("APIGroup", "v1") { writeGroup(to: &$0) } }

    static func resourceList(_ snapshot: MetricSnapshot?) -> [UInt8] {
        object("APIResourceList", "v1") { json in
            json.member("groupVersion", ExternalMetricsAPI.groupVersion)
            json.key("resources")
            json.openArray()
            for name in resourceNames(snapshot) { writeResource(name, to: &json) }
            json.closeArray()
        }
    }

    /// `APIGroupDiscoveryList` of `apidiscovery.k8s.io`, in its `v2` or `v2beta1`.
    static func aggregated(version: String, _ snapshot: MetricSnapshot?) -> [UInt8] {
        object("APIGroupDiscoveryList", "apidiscovery.k8s.io/\(version)") { json in
            json.key("metadata")
            json.openObject()
            json.closeObject()
            json.key("items")
            json.openArray()
            json.openObject()
            json.key("metadata")
            json.openObject()
            json.member("name", ExternalMetricsAPI.group)
            json.key("creationTimestamp")
            json.null()
            json.closeObject()
            json.key("versions")
            json.openArray()
            json.openObject()
            json.member("version", ExternalMetricsAPI.version)
            json.key("resources")
            json.openArray()
            for name in resourceNames(snapshot) { writeAggregatedResource(name, to: &json) }
            json.closeArray()
            json.member("freshness", "Current")
            json.closeObject()
            json.closeArray()
            json.closeObject()
            json.closeArray()
        }
    }

    // MARK: - Parts

    private static func resourceNames(_ snapshot: MetricSnapshot?) -> [String] {
        let own = PoolMetrics.names
        let observed = snapshot?.metricNames.filter { !own.contains($0) && isResourceName($0) } ?? []
        return own + observed.prefix(resourcesMost - own.count)
    }

    /// With a slash it would be read as a subresource.
    private static func isResourceName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-_.:".utf8.contains(byte)
                }
            }
    }

    private static func object(_ kind: String, _ apiVersion: String, _ write: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter(reservingBytes: 1_024)
        json.openObject()
        json.member("kind", kind)
        json.member("apiVersion", apiVersion)
        write(&json)
        json.closeObject()
        return json.bytes
    }

    private static func writeGroup(to json: inout JSONWriter) {
        json.member("name", ExternalMetricsAPI.group)
        json.key("versions")
        json.openArray()
        writeVersion(to: &json)
        json.closeArray()
        json.key("preferredVersion")
        writeVersion(to: &json)
    }

    private static func writeVersion(to json: inout JSONWriter) {
        json.openObject()
        json.member("groupVersion", ExternalMetricsAPI.groupVersion)
        json.member("version", ExternalMetricsAPI.version)
        json.closeObject()
    }

    private static func writeResource(_ name: String, to json: inout JSONWriter) {
        json.openObject()
        json.member("name", name)
        json.member("singularName", "")
        json.member("namespaced", true)
        json.member("kind", ExternalMetricsAPI.listKind)
        writeVerbs(to: &json)
        json.closeObject()
    }

    private static func writeAggregatedResource(_ name: String, to json: inout JSONWriter) {
        json.openObject()
        json.member("resource", name)
        json.key("responseKind")
        json.openObject()
        json.member("group", ExternalMetricsAPI.group)
        json.member("version", ExternalMetricsAPI.version)
        json.member("kind", ExternalMetricsAPI.listKind)
        json.closeObject()
        json.member("scope", "Namespaced")
        json.member("singularResource", "")
        writeVerbs(to: &json)
        json.closeObject()
    }

    private static func writeVerbs(to json: inout JSONWriter) {
        json.key("verbs")
        json.openArray()
        json.string("get")
        json.closeArray()
    }
}
