import Assembly
import Foundation
import Logging
import Output
import Machine
import Telemetry

// A service inside this process, for the demo: started with settings, stopped when told.

final class InProcessService: DemoService {
    private let task = Locked<Task<Void, any Error>?>(nil)
    private let stopping = AsyncStream<Void>.makeStream()

    func start(_ settings: DemoSettings) async throws -> String {
        var configuration = ServiceConfiguration()
        configuration.database = settings.database
        configuration.server.cleartext?.port = settings.port
        configuration.workerArguments = settings.workerArguments
        configuration.workerNodes = settings.workerNodes
        // The screen is the demo's; what the service has to say goes beside its log.
        let sink = LineFile(path: settings.database + ".service.log")
        let lines = LogConfiguration(level: .notice, write: { sink.append($0) })
        let logger = Logger(label: "greenroom") { LineLogHandler(label: $0, configuration: lines, metadataProvider: nil) }
        let service = GreenroomService(configuration, logger: logger)
        let (started, continuation) = AsyncThrowingStream<String, any Error>.makeStream()
        task.value = Task {
            do {
                try await service.run(stopOn: [], when: { [stopping] in for await _ in stopping.stream { return } }) { url in
                    continuation.yield(url)
                    continuation.finish()
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
                throw error
            }
        }
        for try await url in started { return url }
        throw Fault(.unreachable, "the service ended before it began")
    }

    func stop() async {
        stopping.continuation.yield()
        stopping.continuation.finish()
        _ = await task.value?.result
    }
}
