// In which zone is a node, and does it still answer?
//
// A node is read once and kept for a while: labels don't move. Whether it answers is asked anew where a pod stopped being
// ready. Where nodes may not be read, zones are unknown, and that is said once.

actor NodeCache {
    static let nodesKept = 10_000
    static let keptFor = Duration.seconds(600)
    /// All pods of a lost node stop being ready together: one look serves them. That a node is well is never assumed so.
    static let lostFor = Duration.seconds(5)
    static let zoneLabel = "topology.kubernetes.io/zone"

    struct Node: Sendable {
        var zone: String?
        /// Its kubelet hasn't reported for long, or it is no longer there.
        var isLost: Bool
        var readAt: Duration
    }

    private let client: KubernetesClient
    private let trouble: ListWatch.Trouble
    private var nodes: [String: Node] = [:]
    private var saidForbidden = false

    init(_ client: KubernetesClient, trouble: @escaping ListWatch.Trouble) {
        self.client = client
        self.trouble = trouble
    }

    /// - Parameter fresh: whether what was read a while ago doesn't do.
    func node(_ name: String, fresh: Bool = false) async -> Node {
        let now = client.clock.now()
        if let known = nodes[name], now - known.readAt < (known.isLost ? Self.lostFor : fresh ? .zero : Self.keptFor) { return known }
        let zone = nodes[name]?.zone
        var read = Node(zone: zone, isLost: false, readAt: now)
        do throws(KubernetesError) {
            let node = try await client.get(.nodes, name: name)
            let ready = node["status"]["conditions"].array.first { $0["type"].string == "Ready" }
            read.zone = node.labels[Self.zoneLabel]
            read.isLost = ready?["status"].string == "Unknown"
        } catch {
            if error.isNotFound { read.isLost = true } else { say(error, of: name) }
        }
        if nodes.count >= Self.nodesKept, nodes[name] == nil { nodes = [:] }
        nodes[name] = read
        return read
    }

    private func say(_ error: KubernetesError, of name: String) {
        if error.isForbidden {
            guard !saidForbidden else { return }
            saidForbidden = true
        }
        trouble("node \(name) can't be read, so its zone is unknown: \(error)")
    }
}
