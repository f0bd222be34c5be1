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

/// The program that runs the simulation of faults by the thousand seeds is built alone, without what it doesn't need. Beside a second
/// program, SwiftPM applies OpenCombine's alias to our own targets as well, and they no longer find it.
let simulatesFaults = Context.environment["GREENROOM_SIMULATE"] != nil

// XMLCoder imports any module of this name that lies in the build folder, without depending on it, and then lacks its C part: so
// OpenCombine is built, and imported, under another name, except where XMLCoder isn't built.
let combine: Target.Dependency =
    simulatesFaults
    ? .product(name: "OpenCombine", package: "OpenCombine")
    : .product(name: "OpenCombine", package: "OpenCombine", moduleAliases: ["OpenCombine": "GreenroomOpenCombine"])
let plainCombine: [SwiftSetting] = simulatesFaults ? [.define("PLAIN_OPENCOMBINE")] : []
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

/// What `greenroom --version` says it was built from. Other characters would end the macro.
let commit = (Context.environment["GREENROOM_COMMIT"] ?? "unknown").filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }

/// libFuzzer brings the program's entry along, so nothing but `--sanitize fuzzer` can link it.
let fuzzDriver: [Target] =
    Context.environment["GREENROOM_FUZZ"] == nil
    ? []
    : [
        .executableTarget(name: "greenroom-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Driver", swiftSettings: strict)
    ]

/// What the simulation of faults is made of.
let faultSimulation: Set<String> = [
    "Basics", "Machine", "Domain", "Autoscaling", "Placement", "EventLog", "State", "Views", "ControlLoop", "Replay", "FaultSimulation",
    "simulate-faults",
]
let faultProgram: Target = .executableTarget(
    name: "simulate-faults", dependencies: ["Domain", "FaultSimulation"], path: "Tests/SimulateFaults", swiftSettings: strict)

let package = Package(
    name: "greenroom",
    platforms: [.macOS(.v15)],
    products: simulatesFaults ? [] : [.executable(name: "greenroom", targets: ["greenroom"])],
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
        // Floor 0: what is no part of the domain, and the vocabulary.
        .target(name: "Basics", swiftSettings: strict),
        .target(name: "Domain", dependencies: ["Basics"], swiftSettings: strict),

        // What every part needs of the machine.
        .target(name: "Machine", swiftSettings: strict),

        // Floor 1: pure decisions, and the log.
        .target(
            name: "Autoscaling",
            dependencies: ["Basics", "Domain", .product(name: "Collections", package: "swift-collections")],
            swiftSettings: strict),
        .target(
            name: "Placement",
            dependencies: ["Basics", "Domain", .product(name: "Collections", package: "swift-collections")],
            swiftSettings: strict),
        .target(
            name: "EventLog",
            dependencies: [
                "Basics", "Machine", "Domain",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.embedInCode("migrations")],
            swiftSettings: strict),

        // What YAML says, read in one way.
        .target(name: "YAML", dependencies: [.product(name: "Yams", package: "Yams")], swiftSettings: strict),
        .target(name: "BuildCommit", cSettings: [.define("GREENROOM_COMMIT", to: commit.isEmpty ? "unknown" : commit)]),

        // Floor 2: what the log says, and nothing else.
        .target(name: "State", dependencies: ["Basics", "Domain", "Autoscaling", "Placement", "EventLog"], swiftSettings: strict),

        // What the outside sees of the state, and may ask for; the loop answers, and so does a state of the past.
        .target(
            name: "Views",
            dependencies: ["Basics", "Machine", "Domain", "Autoscaling", "Placement", "EventLog", "State"], swiftSettings: strict),

        // The loop over the log, live and over history.
        .target(
            name: "ControlLoop",
            dependencies: [
                "Basics", "Machine", "Domain", "Autoscaling", "Placement", "EventLog", "State", "Views",
                combine,
            ],
            swiftSettings: strict + plainCombine),
        .target(
            name: "Policies",
            dependencies: ["Basics", "Domain", "YAML", "Autoscaling", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .target(
            name: "Replay",
            dependencies: ["Basics", "Domain", "EventLog", "State"],
            swiftSettings: strict),

        // Floor 3: what would have been, on a trace or on a log that was recorded.
        .target(
            name: "Simulation",
            dependencies: ["Basics", "Domain", "Autoscaling", "Placement", "EventLog", "State", "Replay"],
            resources: [.embedInCode("Report/Page/report.css"), .embedInCode("Report/Page/report.js")],
            swiftSettings: strict),

        // What a browser is given: the page's files, which are in the program.
        .target(name: "WebPage", dependencies: ["Basics"], resources: [.embedInCode("Files")], swiftSettings: strict),
        // How did each pool's counts move over time? Kept in a file of its own beside the log, and rebuilt from it.
        .target(
            name: "Series",
            dependencies: [
                "Domain", "Autoscaling", "EventLog", "State", "Views", "Replay", log, lifecycle,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),

        // What serves HTTP: connections, exchanges, limits, certificates that are read again. Who answers is on floor 3.
        .target(name: "HTTPTransport", dependencies: ["Domain", "Machine", log] + nio, swiftSettings: strict),

        // What clients of other servers share: deadlines, and what to say of a connection that failed.
        .target(
            name: "HTTPCalls",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),

        // What speaks to NATS and its JetStream: the protocol apart from its I/O, one connection that stays, streams.
        .target(
            name: "NATSClient",
            dependencies: [
                "Basics", "Machine", log, .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),

        // Floor 3: the world outside.
        .target(
            name: "HTTPService",
            dependencies: [
                "Basics", "Machine", "Domain", "Autoscaling", "Placement", "EventLog", "State", "Views", "Policies", "Replay",
                "HTTPTransport", "WebPage", log, metrics, lifecycle,
                .product(name: "Crypto", package: "swift-crypto"),
            ] + nio,
            swiftSettings: strict),
        .target(
            name: "ExternalMetrics",
            dependencies: [
                "Basics", "Machine", "Domain", "Autoscaling", "Views", "HTTPTransport", log, metrics, lifecycle,
                .product(name: "Crypto", package: "swift-crypto"),
            ] + nio,
            swiftSettings: strict),
        .target(name: "ServiceClient", dependencies: ["Basics", "Domain", "HTTPTransport", log] + nio, swiftSettings: strict),
        .target(
            name: "WorkerAgent",
            dependencies: ["Basics", "Machine", "Domain", "ServiceClient", log, .product(name: "Subprocess", package: "swift-subprocess")],
            swiftSettings: strict),
        .target(
            name: "KEDAScaler",
            dependencies: [
                "Basics", "Domain", "Autoscaling", "Views", "HTTPTransport", log, lifecycle,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"), .product(name: "NIOCertificateReloading", package: "swift-nio-extras"),
            ] + grpc,
            exclude: ["Protos"],
            swiftSettings: strict),
        .target(
            name: "SubstrateGateway",
            dependencies: [
                "Basics", "Machine", "Domain", "Autoscaling", "EventLog", "Views", "ControlLoop", "HTTPTransport", log, metrics,
                lifecycle,
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ] + nio,
            exclude: ["Protos"],
            swiftSettings: strict),
        .target(
            name: "LocalWorkers",
            dependencies: [
                "Basics", "Machine", "Domain", "Autoscaling", "EventLog", "ControlLoop", log,
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: strict),
        .target(
            name: "Kubernetes",
            dependencies: [
                "Basics", "Machine", "Domain", "YAML", "HTTPTransport", "HTTPCalls", "Autoscaling", "Views", "ControlLoop", log,
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
                "Basics", "Machine", "Domain", "HTTPCalls", "Autoscaling", log, lifecycle,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        // The log's stream on NATS JetStream.
        .target(
            name: "JetStreamLog",
            dependencies: [
                "Basics", "Machine", "Domain", "EventLog", "NATSClient", log, .product(name: "Crypto", package: "swift-crypto"),
            ], swiftSettings: strict),
        .target(
            name: "ObjectStorage",
            dependencies: [
                "Basics", "Machine", "Domain", "HTTPCalls", "HTTPTransport", log, lifecycle,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "XMLCoder", package: "XMLCoder"),
            ],
            swiftSettings: strict),
        // What other systems hear: events to sinks, metrics and traces to an OpenTelemetry collector.
        .target(
            name: "Outward",
            dependencies: [
                "Basics", "Machine", "Domain", "EventLog", "HTTPCalls", log, metrics, lifecycle,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["Protos"],
            swiftSettings: strict),
        .target(
            name: "Telemetry",
            dependencies: ["Machine", "Domain", log, metrics, .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: strict),

        // What a person reads on a terminal, a script reads as JSON, and a command that failed says.
        .target(
            name: "Output", dependencies: ["BuildCommit", "Machine", "Domain", "EventLog", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),

        // Floor 4: the only place where the service's parts are wired together; and what a running service, or a log's file, says.
        .target(
            name: "Assembly",
            dependencies: [
                "Basics", "Domain", "Machine", "YAML", "Autoscaling", "EventLog", "State", "Views", "ControlLoop", "Policies", "Replay",
                "Series", "Simulation",
                "HTTPTransport", "HTTPService",
                "ExternalMetrics", "KEDAScaler", "Kubernetes", "LocalWorkers", "ObjectStorage", "Pollers", "ServiceClient",
                "SubstrateGateway", "Telemetry", "Output", "Outward", "NATSClient", "JetStreamLog",
                log, metrics, lifecycle, .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        .target(
            name: "Inspection",
            dependencies: [
                "Basics", "Domain", "Autoscaling", "EventLog", "State", "Views", "Replay", "Simulation", "HTTPService",
                "ServiceClient", "Output", log,
            ],
            swiftSettings: strict),

        .target(name: "LocalCluster", dependencies: ["Machine", "Output"] + nio, swiftSettings: strict),

        // Floor 5: the whole of it at work, to be looked at and to be measured.
        .target(
            name: "Demo",
            dependencies: [
                "Basics", "Domain", "Machine", "EventLog", "Views", "Simulation", "Telemetry", "Output", "Assembly", "Inspection",
                "LocalCluster", log,
            ],
            swiftSettings: strict),
        .target(
            name: "Benchmarks",
            dependencies: [
                "Basics", "Domain", "Machine", "Autoscaling", "Placement", "EventLog", "State", "ControlLoop", "Replay", "ServiceClient",
                "SubstrateGateway", "Output", "Inspection", "LocalCluster",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ] + nio + grpc,
            swiftSettings: strict),

        // Floor 6: the command line. The program itself is its beginning alone.
        .target(
            name: "Commands",
            dependencies: [
                "Basics", "Domain", "Machine", "Autoscaling", "EventLog", "State", "Views", "Policies", "Replay", "Simulation",
                "ServiceClient", "WorkerAgent",
                "Telemetry", "Output", "Assembly", "Inspection", "LocalCluster", "Demo", "Benchmarks", "NATSClient", "JetStreamLog", log,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(name: "greenroom", dependencies: ["Commands"], swiftSettings: strict),

        // Tests mirror the sources.
        .testTarget(name: "BasicsTests", dependencies: ["Basics"], swiftSettings: strict),
        .testTarget(name: "MachineTests", dependencies: ["Machine"], swiftSettings: strict),
        .testTarget(name: "YAMLTests", dependencies: ["YAML", .product(name: "Yams", package: "Yams")], swiftSettings: strict),
        .testTarget(name: "DomainTests", dependencies: ["Basics", "Domain"], swiftSettings: strict),
        .testTarget(
            name: "AutoscalingTests", dependencies: ["Basics", "Domain", "Autoscaling"], resources: [.copy("Fixtures")],
            swiftSettings: strict),
        .testTarget(name: "PlacementTests", dependencies: ["Basics", "Domain", "Placement"], swiftSettings: strict),
        .testTarget(
            name: "EventLogTests",
            dependencies: [
                "Basics", "Machine", "Domain", "EventLog", "TestSupport", "NATSClient", "NATSServers", "JetStreamLog", log,
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "JetStreamLogTests",
            dependencies: [
                "Basics", "Machine", "Domain", "EventLog", "TestSupport", "NATSClient", "NATSServers", "JetStreamLog", log,
                .product(name: "GRDB", package: "GRDB.swift"),
            ], swiftSettings: strict),
        .testTarget(
            name: "ControlLoopTests",
            dependencies: [
                "Basics", "Machine", "TestSupport", "Domain", "Autoscaling", "Placement", "EventLog", "State", "Views", "ControlLoop",
                "Replay",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            resources: [.copy("Fixtures")],
            swiftSettings: strict),
        .testTarget(
            name: "PoliciesTests", dependencies: ["Basics", "Domain", "Autoscaling", "Policies", .product(name: "Yams", package: "Yams")],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(
            name: "TelemetryTests",
            dependencies: ["Domain", "Telemetry", log, metrics, .product(name: "Subprocess", package: "swift-subprocess")],
            swiftSettings: strict),
        .testTarget(
            name: "LocalWorkersTests",
            dependencies: [
                "TestSupport", "Machine", "Domain", "Autoscaling", "ControlLoop", "LocalWorkers", log,
                .product(name: "Subprocess", package: "swift-subprocess"),
            ], swiftSettings: strict),
        .testTarget(
            name: "KEDAScalerTests",
            dependencies: ["Domain", "Autoscaling", "EventLog", "Views", "ControlLoop", "HTTPTransport", "KEDAScaler", log, lifecycle]
                + grpc,
            swiftSettings: strict),
        .testTarget(
            name: "WorkerAgentTests", dependencies: ["TestSupport", "Domain", "ServiceClient", "WorkerAgent", log], swiftSettings: strict),
        .testTarget(
            name: "HTTPServiceTests",
            dependencies: [
                "Basics", "TestSupport", "Domain", "Autoscaling", "EventLog", "Views", "ControlLoop", "Replay", "HTTPService",
                "HTTPTransport",
                "HTTPTestSupport", "ServiceClient", "Benchmarks", "WebPage", log, metrics, lifecycle,
            ] + nio, swiftSettings: strict),
        .testTarget(
            name: "HTTPTransportTests",
            dependencies: [
                "TestSupport", "HTTPTestSupport", "Domain", "EventLog", "Views", "ControlLoop", "HTTPTransport", "HTTPService",
                "ExternalMetrics",
                log, .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + nio, swiftSettings: strict),
        .testTarget(
            name: "ExternalMetricsTests",
            dependencies: [
                "Basics", "Machine", "TestSupport", "Domain", "Autoscaling", "Views", "ExternalMetrics", "HTTPTransport", log,
            ] + nio,
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(name: "ServiceClientTests", dependencies: ["Domain", "ServiceClient", "Benchmarks", log] + nio, swiftSettings: strict),
        .testTarget(
            name: "greenroomTests",
            dependencies: [
                "Basics", "TestSupport", "greenroom", "Machine", "Output", "Assembly", "Inspection", "LocalCluster", "Demo", "Benchmarks",
                "Commands", "Domain",
                "Autoscaling", "EventLog", "Views", "ControlLoop", "Replay", "Simulation", "Telemetry", "ServiceClient", "Kubernetes",
                "KubernetesTwin", "SubstrateTwin", "Pollers", "ObjectStorage", "NATSClient", "NATSServers", "JetStreamLog", log,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .testTarget(name: "StateTests", dependencies: ["Basics", "Domain", "Autoscaling", "EventLog", "State"], swiftSettings: strict),
        .testTarget(
            name: "SeriesTests",
            dependencies: [
                "TestSupport", "Domain", "Autoscaling", "EventLog", "State", "Views", "ControlLoop", "Replay", "Series", log,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PoolSimulationTests",
            dependencies: ["Basics", "Domain", "Autoscaling", "EventLog", "State", "ControlLoop", "Replay", "Simulation"],
            swiftSettings: strict),
        .testTarget(
            name: "PeersTests",
            dependencies: [
                "TestSupport", "Domain", "Autoscaling", "EventLog", "Views", "ControlLoop", "Simulation", "HTTPService", "HTTPTestSupport",
                "KEDAScaler", log,
            ], swiftSettings: strict),
        // What several test targets need: awaited conditions, a clock moved by hand, programs of the machine.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        // Clients of every wire, some of them rude, and what a server needs to run without a loop.
        .target(
            name: "HTTPTestSupport", dependencies: ["Domain", "Autoscaling", "Views"] + nio, path: "Tests/HTTPTestSupport",
            swiftSettings: strict),
        // An API server in memory, over real TLS sockets: what tests of the whole service start too.
        .target(
            name: "KubernetesTwin",
            dependencies: [
                "Basics", "Domain", "Autoscaling", "Kubernetes", log, .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ] + nio, path: "Tests/KubernetesTwin", swiftSettings: strict),
        .testTarget(
            name: "KubernetesTests",
            dependencies: [
                "Basics", "Machine", "TestSupport", "Domain", "Autoscaling", "Views", "ControlLoop", "Kubernetes", "KubernetesTwin", log,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ] + nio,
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(
            name: "PollersTests", dependencies: ["Machine", "TestSupport", "Domain", "Autoscaling", "Pollers", log],
            exclude: ["Support/rude_server.py"],
            swiftSettings: strict),
        .testTarget(
            name: "OutwardTests",
            dependencies: [
                "Basics", "Machine", "TestSupport", "Domain", "EventLog", "Outward", log,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ], swiftSettings: strict),
        .testTarget(
            name: "ObjectStorageTests",
            dependencies: [
                "Basics", "TestSupport", "Domain", "ObjectStorage", log, .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        // The service's log and loop between twins of all that is around them, broken in every way.
        .target(
            name: "FaultSimulation",
            dependencies: [
                "Basics", "Domain", "Autoscaling", "EventLog", "State", "Views", "ControlLoop", "Replay",
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "Tests/Simulation", exclude: ["README.md"], swiftSettings: strict),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Basics", "Domain", "Autoscaling", "EventLog", "State", "ControlLoop", "FaultSimulation"], swiftSettings: strict),
        // agent-substrate's ateapi in memory, over real TLS sockets.
        .target(
            name: "SubstrateTwin", dependencies: ["Machine", "SubstrateGateway", "KubernetesTwin", log] + grpc, path: "Tests/SubstrateTwin",
            swiftSettings: strict),
        .testTarget(
            name: "SubstrateGatewayTests",
            dependencies: [
                "Basics", "Machine", "TestSupport", "Domain", "Autoscaling", "EventLog", "Views", "ControlLoop", "HTTPTransport",
                "SubstrateGateway",
                "SubstrateTwin", "KubernetesTwin", log, lifecycle,
            ] + grpc + nio,
            exclude: ["Support/resume_fleet.py"], resources: [.copy("Fixtures")], swiftSettings: strict),
        // Real NATS servers on loopback, one or a cluster of three.
        .target(name: "NATSServers", dependencies: ["Machine", "TestSupport"], path: "Tests/NATSServers", swiftSettings: strict),
        .testTarget(
            name: "NATSClientTests",
            dependencies: [
                "Basics", "Machine", "TestSupport", "NATSClient", "NATSServers", log, .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"), .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(name: "ArchitectureTests", swiftSettings: strict),
        // What can be fuzzed. The tests run the corpus and some mutations of it; libFuzzer's driver is built by scripts/fuzz.sh alone.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Domain", "Autoscaling", "EventLog", "State", "ControlLoop", "Policies", "HTTPTransport", "ExternalMetrics", "NATSClient",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/Fuzz/Targets", swiftSettings: strict),
        .testTarget(name: "FuzzTests", dependencies: ["Basics", "FuzzTargets", "Domain"], swiftSettings: strict),
    ] + fuzzDriver
)

if simulatesFaults { package.targets = package.targets.filter { faultSimulation.contains($0.name) } + [faultProgram] }
