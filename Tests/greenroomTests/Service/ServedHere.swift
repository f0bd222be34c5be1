import Logging
import Machine
import TestSupport

@testable import Assembly

// The whole service in this process, for as long as a test takes.

/// What ended the service by itself is said before what the test says.
func withService(_ configuration: ServiceConfiguration, _ body: (_ url: String) async throws -> Void) async throws {
    let service = GreenroomService(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let (stop, began, address) = (Latch(), Latch(), Locked<String?>(nil))
    let running = Task {
        defer { began.open() }
        try await service.run(stopOn: [], when: { await stop.wait() }) { url in
            address.value = url
            began.open()
        }
    }
    await began.wait()
    guard let url = address.value else {
        try await running.value
        throw NeverHappened(what: "the service starts")
    }
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await body(url)) } catch { outcome = .failure(error) }
    stop.open()
    try await running.value
    try outcome.get()
}
