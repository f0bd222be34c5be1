// How does a thread wait for a moment or a signal, whatever the wall clock does?
//
// A semaphore of one: a signal that nobody waits for is kept, and two are one. The timed wait ends by the clock that only
// measures. Dispatch's semaphore turns its timeout into a moment of the wall clock on Linux, so that a clock that is set back
// by an hour makes a wait of a second last an hour.

import Machine

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Unchecked: the flag and both pointers' targets are touched only under the mutex that is one of them; the pointers are set once.
final class MeasuredSignal: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isSignalled = false

    init() {
        pthread_mutex_init(mutex, nil)
        #if canImport(Darwin)
            pthread_cond_init(condition, nil)
        #else
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            let isMeasured = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            precondition(isMeasured == 0, "a condition can't be timed by CLOCK_MONOTONIC")
            pthread_cond_init(condition, &attributes)
            pthread_condattr_destroy(&attributes)
        #endif
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func signal() {
        pthread_mutex_lock(mutex)
        isSignalled = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for a signal and takes it.
    func wait() {
        pthread_mutex_lock(mutex)
        while !isSignalled { pthread_cond_wait(condition, mutex) }
        isSignalled = false
        pthread_mutex_unlock(mutex)
    }

    /// The same, for at most `microseconds`. False: none came.
    func wait(atMost microseconds: Int64) -> Bool {
        let end = MeasuringClock.microseconds().addingReportingOverflow(max(0, microseconds))
        // Later than any machine runs: no time limit.
        guard !end.overflow else {
            wait()
            return true
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isSignalled {
            guard waitUntil(end.partialValue) else { break }
        }
        defer { isSignalled = false }
        return isSignalled
    }

    /// False once the moment has come.
    private func waitUntil(_ end: Int64) -> Bool {
        #if canImport(Darwin)
            let left = end - MeasuringClock.microseconds()
            guard left > 0 else { return false }
            var time = timespec(tv_sec: Int(left / 1_000_000), tv_nsec: Int(left % 1_000_000) * 1_000)
            return pthread_cond_timedwait_relative_np(condition, mutex, &time) != ETIMEDOUT
        #else
            var time = timespec(tv_sec: Int(end / 1_000_000), tv_nsec: Int(end % 1_000_000) * 1_000)
            return pthread_cond_timedwait(condition, mutex, &time) == 0
        #endif
    }
}
