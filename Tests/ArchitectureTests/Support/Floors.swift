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
        "NIOCore", "NIOPosix", "NIOTLS", "NIOHTTP1", "NIOHTTP2", "NIOHPACK", "NIOSSL", "NIOHTTPTypes", "NIOHTTPTypesHTTP1", "NIOHTTPTypesHTTP2", "HTTPTypes",
    ]
    private static let grpc: Set<String> = ["GRPCCore", "GRPCNIOTransportHTTP2Posix", "GRPCProtobuf", "SwiftProtobuf"]
    private static let operating: Set<String> = ["Logging", "Metrics", "ServiceLifecycle", "UnixSignals"]
    private static let belowThree: Set<String> = ["Domain", "SmallFiles", "Autoscaling", "Placement", "EventLog", "ControlLoop", "Policies", "Replay"]

    static let table: [Floor] = [
        Floor(target: "Domain", level: 0, ours: [], isPure: true),

        Floor(target: "Autoscaling", level: 1, ours: ["Domain"], packages: collections, isPure: true),
        Floor(target: "Placement", level: 1, ours: ["Domain"], packages: collections, isPure: true),
        Floor(target: "EventLog", level: 1, ours: ["Domain"], packages: ["GRDB", "GRDBSQLite", "Crypto"]),
        Floor(target: "SmallFiles", level: 1, ours: []),

        Floor(target: "ControlLoop", level: 2, ours: ["Domain", "Autoscaling", "Placement", "EventLog"], packages: ["GreenroomOpenCombine"]),
        Floor(target: "Policies", level: 2, ours: ["Domain", "Autoscaling"], packages: ["Yams"]),
        Floor(target: "Replay", level: 2, ours: ["Domain", "Autoscaling", "Placement", "EventLog", "ControlLoop"]),
        Floor(target: "HTTPServing", level: 2, ours: ["Domain", "SmallFiles"], packages: http.union(["Logging"])),
        Floor(target: "HTTPAsking", level: 2, ours: [], packages: ["AsyncHTTPClient", "NIOCore", "NIOPosix", "NIOSSL"]),

        Floor(target: "HTTPService", level: 3, ours: belowThree.union(["HTTPServing"]), packages: http.union(operating).union(["Crypto"])),
        Floor(target: "ExternalMetrics", level: 3, ours: belowThree.union(["HTTPServing"]), packages: http.union(operating).union(["Crypto"])),
        Floor(
            target: "KEDAScaler", level: 3, ours: belowThree.union(["HTTPServing"]),
            packages: grpc.union(["NIOCore", "NIOSSL", "NIOCertificateReloading", "Logging", "ServiceLifecycle"])),
        Floor(target: "Kubernetes", level: 3, ours: belowThree.union(["HTTPServing", "HTTPAsking"]), packages: ["AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOSSL", "Yams", "Logging"]),
        Floor(
            target: "ObjectStorage", level: 3, ours: ["Domain", "HTTPAsking", "HTTPServing"],
            packages: ["AsyncHTTPClient", "NIOCore", "NIOSSL", "XMLCoder", "Crypto", "Logging", "ServiceLifecycle"]),
        Floor(target: "ServiceClient", level: 3, ours: ["Domain", "HTTPServing"], packages: http.union(["Logging"])),
        Floor(target: "WorkerAgent", level: 3, ours: ["Domain", "ServiceClient"], packages: ["Logging", "Subprocess"]),
        Floor(target: "LocalWorkers", level: 3, ours: belowThree, packages: ["Logging", "Subprocess"]),
        Floor(target: "Pollers", level: 3, ours: ["Domain", "SmallFiles", "Autoscaling", "HTTPAsking"], packages: ["AsyncHTTPClient", "NIOCore", "NIOSSL", "Logging", "ServiceLifecycle"]),
        Floor(target: "Telemetry", level: 3, ours: ["Domain", "SmallFiles"], packages: ["Logging", "Metrics", "CoreMetrics"]),

        Floor(
            target: "greenroom", level: 4,
            ours: belowThree.union(["HTTPServing", "HTTPService", "ExternalMetrics", "Kubernetes", "ObjectStorage", "ServiceClient", "WorkerAgent", "LocalWorkers", "Pollers", "KEDAScaler", "Telemetry"]),
            packages: http.union(operating).union(["ArgumentParser", "Yams", "Crypto", "GRDB", "AsyncHTTPClient"])),
    ]

    /// The only imports between targets of one floor.
    static let sideways: Set<[String]> = [["Replay", "ControlLoop"], ["WorkerAgent", "ServiceClient"]]

    static func of(_ target: String) -> Floor? { table.first { $0.target == target } }
}
