// What does the demo need of the service it starts? Only that it starts and stops: everything else goes over HTTP.

package struct DemoSettings: Hashable, Sendable {
    package var database: String
    /// 0 takes any free port.
    package var port: Int
    /// Further arguments of every worker process.
    package var workerArguments: [String]
    /// Nodes that the workers are spread over.
    package var workerNodes: [String] = []

    package init(database: String, port: Int, workerArguments: [String], workerNodes: [String] = []) {
        self.database = database
        self.port = port
        self.workerArguments = workerArguments
        self.workerNodes = workerNodes
    }
}

package protocol DemoService: Sendable {
    /// Returns the service's URL once it answers.
    func start(_ settings: DemoSettings) async throws -> String
    /// Returns once the log is closed and no worker process is left.
    func stop() async
}

/// The one place that says which service the demo runs.
package enum DemoServices {
    package static func make() -> any DemoService { InProcessService() }
}
