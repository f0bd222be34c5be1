import Machine
import Dispatch
import Domain
import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@testable import EventLog

/// The wall clock can be set back while the log's writer waits; nobody can set the clock that its waits go by.
@Suite("The writer's waits", .timeLimit(.minutes(1)))
struct MeasuredSignalTests {
    @Test("a wait ends once its time is over")
    func ends() {
        let before = MeasuringClock.microseconds()
        #expect(!MeasuredSignal().wait(atMost: 20_000))
        #expect(MeasuringClock.microseconds() - before >= 20_000)
        #expect(!MeasuredSignal().wait(atMost: 0))
        #expect(!MeasuredSignal().wait(atMost: -1))
    }

    @Test("a signal that nobody waited for is kept, and two are one")
    func kept() {
        let signal = MeasuredSignal()
        signal.signal()
        signal.signal()
        #expect(signal.wait(atMost: 0))
        #expect(!signal.wait(atMost: 0))
        signal.signal()
        #expect(signal.wait(atMost: .max))
    }

    @Test("a signal ends a wait, a timed one and one without end", arguments: [60_000_000, Int64?.none])
    func wakes(_ microseconds: Int64?) {
        let signal = MeasuredSignal()
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            if let microseconds { _ = signal.wait(atMost: microseconds) } else { signal.wait() }
            done.signal()
        }
        signal.signal()
        done.wait()
    }

    #if os(Linux)
        /// `FUTEX_CLOCK_REALTIME`, in a futex's operation.
        private static let byWallClock: UInt64 = 0x100

        /// The numbers of system calls that wait on a futex: x86-64, then the others.
        private static let futexCalls: Set<Substring> = ["202", "98", "422"]

        @Test("the kernel times an idle queue's wait by the clock that nobody sets")
        func kernelClock() throws {
            let queue = AppendQueue(limits: EventLog.Limits())
            let threads = Collector<String>()
            Thread.detachNewThread {
                // `PROCESS/task/THREAD`
                threads.add((try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")) ?? "")
                _ = queue.next(waitingAtMost: 600_000_000)
            }
            // `NUMBER ARGUMENT…` once it is blocked in a system call. With a timeout: a thread may also stand at a lock on its way.
            while true {
                guard let thread = threads.all.first, let text = try? String(contentsOfFile: "/proc/\(thread)/syscall", encoding: .utf8)
                else { continue }
                let fields = text.split(separator: " ")
                guard fields.count > 4, Self.futexCalls.contains(fields[0]), fields[4] != "0x0" else { continue }
                let operation = try #require(UInt64(fields[2].dropFirst(2), radix: 16))
                #expect(operation & Self.byWallClock == 0, "waits as \(fields)")
                break
            }
            queue.close()
        }
    #endif
}
