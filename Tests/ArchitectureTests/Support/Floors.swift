// Who may import whom? The table of docs/architecture.md, with the packages each target may use.
//
// A target that has no row here can't be built on: a new one gets its row, and its floor, first.

struct Floor: Sendable {
    var target: String
    var level: Int
    /// Targets of ours.
    var ours: Set<String>
    /// Modules of packages.
    var packages: Set<String> = []
    /// Whether it may use the platform: files, clocks, threads.
    var isPure = false

    var mayImport: Set<String> { ours.union(packages).union(isPure ? [] : Self.platform) }

    static let platform: Set<String> = ["Foundation", "FoundationEssentials", "Glibc", "Musl", "Darwin", "Dispatch", "Synchronization"]

    private static let collections: Set<String> = ["Collections", "DequeModule", "HeapModule", "OrderedCollections"]
    private static let http: Set<String> = [
        "NIOCore", "NIOPosix", "NIOTLS", "NIOHTTP1", "NIOHTTP2", "NIOHPACK", "NIOSSL", "NIOHTTPTypes", "NIOHTTPTypesHTTP1",
        "NIOHTTPTypesHTTP2", "HTTPTypes",
    ]
    private static let grpc: Set<String> = ["GRPCCore", "GRPCNIOTransportHTTP2Posix", "GRPCProtobuf", "SwiftProtobuf"]
    private static let operating: Set<String> = ["Logging", "Metrics", "ServiceLifecycle", "UnixSignals"]
    private static let belowThree: Set<String> = [
        "Basics", "Domain", "Machine", "YAML", "Autoscaling", "Placement", "EventLog", "State", "Views", "Policies", "Replay",
    ]

    private static let parts: Set<String> = [
        "HTTPTransport", "HTTPService", "ExternalMetrics", "KEDAScaler", "Kubernetes", "LocalWorkers", "ObjectStorage", "Pollers",
        "Series", "ServiceClient", "Simulation", "SubstrateGateway", "Telemetry", "Output", "Outward", "NATSClient", "JetStreamLog",
    ]

    static let table: [Floor] = [
        Floor(target: "Basics", level: 0, ours: [], isPure: true),
        Floor(target: "Machine", level: 0, ours: []),
        Floor(target: "Domain", level: 0, ours: ["Basics"], isPure: true),

        Floor(target: "Autoscaling", level: 1, ours: ["Basics", "Domain"], packages: collections, isPure: true),
        Floor(target: "Placement", level: 1, ours: ["Basics", "Domain"], packages: collections, isPure: true),
        Floor(target: "EventLog", level: 1, ours: ["Basics", "Machine", "Domain"], packages: ["GRDB", "GRDBSQLite", "Crypto"]),
        Floor(target: "YAML", level: 1, ours: [], packages: ["Yams"]),
        Floor(target: "BuildCommit", level: 1, ours: []),

        Floor(target: "State", level: 2, ours: ["Basics", "Domain", "Autoscaling", "Placement", "EventLog"], isPure: true),
        Floor(target: "Views", level: 2, ours: ["Basics", "Machine", "Domain", "Autoscaling", "Placement", "EventLog", "State"]),
        Floor(
            target: "ControlLoop", level: 2,
            ours: ["Basics", "Machine", "Domain", "Autoscaling", "Placement", "EventLog", "State", "Views"],
            packages: ["GreenroomOpenCombine", "OpenCombine"]),
        Floor(target: "Policies", level: 2, ours: ["Basics", "Domain", "YAML", "Autoscaling"], packages: ["Yams"]),
        Floor(target: "Replay", level: 2, ours: ["Basics", "Domain", "EventLog", "State"]),
        Floor(target: "HTTPTransport", level: 2, ours: ["Domain", "Machine"], packages: http.union(["Logging"])),
        Floor(target: "WebPage", level: 1, ours: ["Basics"]),
        Floor(
            target: "NATSClient", level: 2, ours: ["Basics", "Machine"],
            packages: ["NIOCore", "NIOPosix", "NIOTLS", "NIOSSL", "Crypto", "Logging"]),
        Floor(target: "HTTPCalls", level: 2, ours: [], packages: ["AsyncHTTPClient", "NIOCore", "NIOPosix", "NIOSSL"]),

        Floor(
            target: "Simulation", level: 3,
            ours: ["Basics", "Domain", "Autoscaling", "Placement", "EventLog", "State", "Replay"]),
        Floor(
            target: "Series", level: 3, ours: ["Domain", "Autoscaling", "EventLog", "State", "Views", "Replay"],
            packages: ["GRDB", "Logging", "ServiceLifecycle"]),
        Floor(
            target: "HTTPService", level: 3, ours: belowThree.union(["HTTPTransport", "WebPage"]),
            packages: http.union(operating).union(["Crypto"])),
        Floor(
            target: "ExternalMetrics", level: 3, ours: belowThree.union(["HTTPTransport"]),
            packages: http.union(operating).union(["Crypto"])),
        Floor(
            target: "KEDAScaler", level: 3, ours: belowThree.union(["HTTPTransport"]),
            packages: grpc.union(["NIOCore", "NIOSSL", "NIOCertificateReloading", "Logging", "ServiceLifecycle"])),
        Floor(
            target: "SubstrateGateway", level: 3, ours: belowThree.union(["ControlLoop", "HTTPTransport"]),
            packages: http.union(operating).union(["SwiftProtobuf"])),
        Floor(
            target: "Kubernetes", level: 3, ours: belowThree.union(["ControlLoop", "HTTPTransport", "HTTPCalls"]),
            packages: ["AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOSSL", "Yams", "Logging"]),
        Floor(
            target: "JetStreamLog", level: 3, ours: ["Basics", "Machine", "Domain", "EventLog", "NATSClient"],
            packages: ["Logging", "Crypto"]),
        Floor(
            target: "ObjectStorage", level: 3, ours: ["Basics", "Machine", "Domain", "HTTPCalls", "HTTPTransport"],
            packages: ["AsyncHTTPClient", "NIOCore", "NIOSSL", "XMLCoder", "Crypto", "Logging", "ServiceLifecycle"]),
        Floor(target: "ServiceClient", level: 3, ours: ["Basics", "Domain", "HTTPTransport"], packages: http.union(["Logging"])),
        Floor(
            target: "WorkerAgent", level: 3, ours: ["Basics", "Machine", "Domain", "ServiceClient"], packages: ["Logging", "Subprocess"]),
        Floor(target: "LocalWorkers", level: 3, ours: belowThree.union(["ControlLoop"]), packages: ["Logging", "Subprocess"]),
        Floor(
            target: "Pollers", level: 3, ours: ["Basics", "Machine", "Domain", "Autoscaling", "HTTPCalls"],
            packages: ["AsyncHTTPClient", "NIOCore", "NIOSSL", "Logging", "ServiceLifecycle"]),
        Floor(
            target: "Outward", level: 3, ours: ["Basics", "Machine", "Domain", "EventLog", "HTTPCalls"],
            packages: [
                "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOSSL", "Crypto", "SwiftProtobuf", "Logging", "Metrics", "ServiceLifecycle",
            ]),
        Floor(target: "Telemetry", level: 3, ours: ["Machine", "Domain"], packages: ["Logging", "Metrics", "CoreMetrics"]),

        Floor(target: "Output", level: 3, ours: ["BuildCommit", "Machine", "Domain", "EventLog"], packages: ["Yams"]),

        Floor(target: "Assembly", level: 4, ours: belowThree.union(parts).union(["ControlLoop"]), packages: operating.union(["Yams"])),
        Floor(
            target: "Inspection", level: 4,
            ours: [
                "Basics", "Domain", "Autoscaling", "EventLog", "Views", "Replay", "Simulation", "HTTPService", "ServiceClient", "Output",
            ],
            packages: ["Logging"]),

        Floor(target: "LocalCluster", level: 4, ours: ["Machine", "Output"], packages: ["NIOCore", "NIOPosix"]),

        Floor(
            target: "Demo", level: 5,
            ours: [
                "Basics", "Domain", "Machine", "EventLog", "Views", "Simulation", "Telemetry", "Output", "Assembly", "Inspection",
                "LocalCluster",
            ],
            packages: ["Logging"]),
        Floor(
            target: "Benchmarks", level: 5,
            ours: belowThree.union(["ControlLoop", "ServiceClient", "SubstrateGateway", "Output", "Inspection", "LocalCluster"]),
            packages: http.union(["AsyncHTTPClient", "GRPCCore", "GRPCNIOTransportHTTP2Posix", "SwiftProtobuf"])),

        Floor(
            target: "Commands", level: 6,
            ours: belowThree.union([
                "Simulation", "ServiceClient", "WorkerAgent", "Telemetry", "Output", "Assembly", "Inspection", "LocalCluster", "Demo",
                "Benchmarks", "NATSClient", "JetStreamLog",
            ]),
            packages: ["ArgumentParser", "Logging"]),
        Floor(target: "greenroom", level: 7, ours: ["Commands"]),
    ]

    /// The only imports between targets of one floor.
    static let sideways: Set<[String]> = [
        ["Domain", "Basics"], ["Views", "State"], ["ControlLoop", "State"], ["ControlLoop", "Views"], ["Replay", "State"],
        ["WorkerAgent", "ServiceClient"],
    ]

    static func of(_ target: String) -> Floor? { table.first { $0.target == target } }
}
