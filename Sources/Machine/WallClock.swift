#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// What do the machine's own clocks say?
//
// `WallClock` tells the date and may be set back. `MeasuringClock` only measures: it never goes back, has no date, and stands
// still while the machine sleeps. In microseconds; whoever reads one injects it, so that tests move time by hand.

package enum WallClock {
    /// Since the beginning of 1970, UTC.
    package static func microseconds() -> Int64 { MachineClock.microseconds(CLOCK_REALTIME) }
}

package enum MeasuringClock {
    /// Since no matter when.
    package static func microseconds() -> Int64 { MachineClock.microseconds(CLOCK_MONOTONIC) }
}

private enum MachineClock {
    static func microseconds(_ clock: clockid_t) -> Int64 {
        var now = timespec()
        clock_gettime(clock, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000
    }
}
