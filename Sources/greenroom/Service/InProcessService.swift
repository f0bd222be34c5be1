import Foundation
import Logging
import ServiceLifecycle
import Synchronization

// A service inside this process, for the demo: started with settings, stopped when told.

final class InProcessService: DemoService {
    private let task = Locked<Task<Void, any Error>?>(nil)

    func start(_ settings: DemoSettings) async throws -> String {
        var configuration = ServiceConfiguration()
        configuration.database = settings.database
        configuration.server.cleartext?.port = settings.port
        configuration.workerArguments = settings.workerArguments
        var logger = Logger(label: "greenroom")
        logger.logLevel = .error
        let service = GreenroomService(configuration, logger: logger)
        let (started, continuation) = AsyncThrowingStream<String, any Error>.makeStream()
        task.value = Task {
            do {
                try await service.run(stopOn: []) { url in
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

    /// Cancelling is stopping in good order.
    func stop() async {
        let running = task.value
        running?.cancel()
        _ = await running?.result
    }
}
