import Foundation

// How much of the processor has this process used?

enum ProcessorTime {
    /// Of all its threads together.
    static func nanoseconds() -> Int64 {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
