// swift-tools-version: 6.2
// The house: one target a floor and purpose; docs/architecture.md draws it. A target imports only from floors below.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOTLS", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOHTTP2", package: "swift-nio-http2"),
    .product(name: "NIOHPACK", package: "swift-nio-http2"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
    .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
    .product(name: "NIOHTTPTypesHTTP2", package: "swift-nio-extras"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
]

let grpc: [Target.Dependency] = [
    .product(name: "GRPCCore", package: "grpc-swift-2"),
    .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
    .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
    .product(name: "SwiftProtobuf", package: "swift-protobuf"),
]

// XMLCoder imports any module of this name that lies in the build folder, without depending on it, and then lacks its C part: so
// OpenCombine is built, and imported, under another name.
let combine: Target.Dependency = .product(name: "OpenCombine", package: "OpenCombine", moduleAliases: ["OpenCombine": "GreenroomOpenCombine"])
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
    name: "greenroom",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "greenroom", targets: ["greenroom"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/OpenCombine/OpenCombine", from: "0.14.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/CoreOffice/XMLCoder", from: "0.18.2"),
    ],
    targets: [
        // Floor 0: the vocabulary.
        .target(name: "Domain", swiftSettings: strict),

        // Floor 1: pure decisions, and the log.
        .target(
            name: "Autoscaling",
            dependencies: ["Domain", .product(name: "Collections", package: "swift-collections")],
            swiftSettings: strict),
        .target(
            name: "Placement",
            dependencies: ["Domain", .product(name: "Collections", package: "swift-collections")],
            swiftSettings: strict),
        .target(
            name: "EventLog",
            dependencies: [
                "Domain",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.embedInCode("migrations")],
            swiftSettings: strict),

        .target(name: "SmallFiles", swiftSettings: strict),

        // Floor 2: the loop over the log, live and over history.
        .target(
            name: "ControlLoop",
            dependencies: [
                "Domain", "Autoscaling", "Placement", "EventLog",
                combine,
            ],
            swiftSettings: strict),
        .target(
            name: "Policies",
            dependencies: ["Domain", "Autoscaling", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .target(
            name: "Replay",
            dependencies: ["Domain", "Autoscaling", "Placement", "EventLog", "ControlLoop"],
            resources: [.embedInCode("Report/Page/report.css"), .embedInCode("Report/Page/report.js")],
            swiftSettings: strict),

        // What servers share: limits, dates, certificates that are read again, what they ask a cluster about a client.
        .target(name: "HTTPServing", dependencies: ["Domain", "SmallFiles", log] + nio, swiftSettings: strict),

        // What clients of other servers share: deadlines, and what to say of a connection that failed.
        .target(
            name: "HTTPAsking",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),

        // Floor 3: the world outside.
        .target(
            name: "HTTPService",
            dependencies: [
                "Domain", "SmallFiles", "Autoscaling", "Placement", "EventLog", "ControlLoop", "Policies", "HTTPServing", log, metrics, lifecycle,
                .product(name: "Crypto", package: "swift-crypto"),
            ] + nio,
            swiftSettings: strict),
        .target(
            name: "ExternalMetrics",
            dependencies: [
                "Domain", "Autoscaling", "ControlLoop", "HTTPServing", log, metrics, lifecycle, .product(name: "Crypto", package: "swift-crypto"),
            ] + nio,
            swiftSettings: strict),
        .target(name: "ServiceClient", dependencies: ["Domain", log] + nio, swiftSettings: strict),
        .target(
            name: "WorkerAgent",
            dependencies: ["Domain", "ServiceClient", log, .product(name: "Subprocess", package: "swift-subprocess")],
            swiftSettings: strict),
        .target(
            name: "KEDAScaler",
            dependencies: [
                "Domain", "Autoscaling", "ControlLoop", "HTTPServing", log, lifecycle, .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"), .product(name: "NIOCertificateReloading", package: "swift-nio-extras"),
            ] + grpc,
            exclude: ["Protos"],
            swiftSettings: strict),
        .target(
            name: "LocalWorkers",
            dependencies: [
                "Domain", "SmallFiles", "Autoscaling", "EventLog", "ControlLoop", log,
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: strict),
        .target(
            name: "Kubernetes",
            dependencies: [
                "Domain", "HTTPServing", "HTTPAsking", "SmallFiles", "Autoscaling", "ControlLoop", log,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        .target(
            name: "Pollers",
            dependencies: [
                "Domain", "HTTPAsking", "SmallFiles", "Autoscaling", log, lifecycle,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        .target(
            name: "ObjectStorage",
            dependencies: [
                "Domain", "HTTPAsking", log, lifecycle,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "XMLCoder", package: "XMLCoder"),
            ],
            swiftSettings: strict),
        .target(
            name: "Telemetry",
            dependencies: ["Domain", "SmallFiles", log, metrics, .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: strict),

        // Floor 4: the only place where parts are wired together.
        .executableTarget(
            name: "greenroom",
            dependencies: [
                "Domain", "Autoscaling", "Placement", "EventLog", "ControlLoop", "Replay", "HTTPService", "Policies",
                "ServiceClient", "WorkerAgent", "LocalWorkers", "Kubernetes", "ObjectStorage", "Pollers", "KEDAScaler", "ExternalMetrics", "HTTPServing", "SmallFiles", "Telemetry", log, metrics, lifecycle,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"), .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: strict),

        // Tests mirror the sources.
        .testTarget(name: "DomainTests", dependencies: ["Domain"], swiftSettings: strict),
        .testTarget(
            name: "AutoscalingTests", dependencies: ["Domain", "Autoscaling"], resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(name: "PlacementTests", dependencies: ["Domain", "Placement"], swiftSettings: strict),
        .testTarget(
            name: "EventLogTests",
            dependencies: ["Domain", "EventLog", .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift")],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "ControlLoopTests",
            dependencies: [
                "TestSupport", "Domain", "Autoscaling", "Placement", "EventLog", "ControlLoop", "Replay",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            resources: [.copy("Fixtures")],
            swiftSettings: strict),
        .testTarget(
            name: "PoliciesTests", dependencies: ["Domain", "Autoscaling", "Policies", .product(name: "Yams", package: "Yams")], resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(name: "TelemetryTests", dependencies: ["Domain", "Telemetry", log, metrics, .product(name: "Subprocess", package: "swift-subprocess")], swiftSettings: strict),
        .testTarget(
            name: "LocalWorkersTests", dependencies: ["TestSupport", "Domain", "Autoscaling", "ControlLoop", "LocalWorkers", log, .product(name: "Subprocess", package: "swift-subprocess")], swiftSettings: strict),
        .testTarget(
            name: "KEDAScalerTests", dependencies: ["Domain", "Autoscaling", "EventLog", "ControlLoop", "KEDAScaler", log, lifecycle] + grpc, swiftSettings: strict),
        .testTarget(name: "WorkerAgentTests", dependencies: ["TestSupport", "Domain", "ServiceClient", "WorkerAgent", log], swiftSettings: strict),
        .testTarget(
            name: "HTTPServiceTests",
            dependencies: ["TestSupport", "Domain", "Autoscaling", "EventLog", "ControlLoop", "HTTPService", "HTTPServing", "ServiceClient", log, metrics, lifecycle, .product(name: "NIOEmbedded", package: "swift-nio")] + nio, swiftSettings: strict),
        .testTarget(
            name: "ExternalMetricsTests",
            dependencies: ["TestSupport", "Domain", "Autoscaling", "ControlLoop", "ExternalMetrics", "HTTPServing", log] + nio,
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(name: "ServiceClientTests", dependencies: ["Domain", "ServiceClient", log] + nio, swiftSettings: strict),
        .testTarget(
            name: "greenroomTests",
            dependencies: [
                "TestSupport", "greenroom", "Domain", "Autoscaling", "EventLog", "ControlLoop", "Replay", "ServiceClient", "Kubernetes", "KubernetesTwin", "Pollers", log, .product(name: "AsyncHTTPClient", package: "async-http-client"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .testTarget(name: "ReplayTests", dependencies: ["Domain", "Autoscaling", "EventLog", "ControlLoop", "Replay"], swiftSettings: strict),
        .testTarget(
            name: "PeersTests", dependencies: ["TestSupport", "Domain", "Autoscaling", "EventLog", "ControlLoop", "Replay", "HTTPService", "KEDAScaler", log], swiftSettings: strict),
        // What several test targets need: awaited conditions, a clock moved by hand, programs of the machine.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        // An API server in memory, over real TLS sockets: what tests of the whole service start too.
        .target(name: "KubernetesTwin", dependencies: ["Domain", "Autoscaling", "Kubernetes", log, .product(name: "AsyncHTTPClient", package: "async-http-client")] + nio, path: "Tests/KubernetesTwin", swiftSettings: strict),
        .testTarget(
            name: "KubernetesTests", dependencies: ["TestSupport", "Domain", "Autoscaling", "ControlLoop", "Kubernetes", "KubernetesTwin", log, .product(name: "AsyncHTTPClient", package: "async-http-client")] + nio,
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(
            name: "PollersTests", dependencies: ["TestSupport", "Domain", "Autoscaling", "Pollers", log], exclude: ["Support/rude_server.py"],
            swiftSettings: strict),
        .testTarget(
            name: "ObjectStorageTests",
            dependencies: ["TestSupport", "Domain", "ObjectStorage", log, .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio")],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        // The service's log and loop between twins of all that is around them, broken in every way; and the program that runs seeds by
        // the thousand.
        .target(
            name: "FaultSimulation",
            dependencies: ["Domain", "Autoscaling", "EventLog", "ControlLoop", "Replay", .product(name: "GRDBSQLite", package: "GRDB.swift")],
            path: "Tests/Simulation", exclude: ["README.md"], swiftSettings: strict),
        .executableTarget(name: "simulate-faults", dependencies: ["Domain", "FaultSimulation"], path: "Tests/SimulateFaults", swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["Domain", "Autoscaling", "EventLog", "ControlLoop", "FaultSimulation"], swiftSettings: strict),
        .testTarget(name: "ArchitectureTests", swiftSettings: strict),
    ]
)
