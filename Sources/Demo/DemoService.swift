// What does the demo need of the service it starts? Only that it starts and stops: everything else goes over HTTP.

struct DemoSettings: Hashable, Sendable {
    var database: String
    /// 0 takes any free port.
    var port: Int
    /// Further arguments of every worker process.
    var workerArguments: [String]
    /// Nodes that the workers are spread over.
    var workerNodes: [String] = []
}

protocol DemoService: Sendable {
    /// Returns the service's URL once it answers.
    func start(_ settings: DemoSettings) async throws -> String
    /// Returns once the log is closed and no worker process is left.
    func stop() async
}

/// The one place that says which service the demo runs.
enum DemoServices {
    static func make() -> any DemoService { InProcessService() }
}
