import Dispatch

// How long has this machine been up?
//
// A clock that never goes back and has no date: for ages and deadlines.

package enum Uptime {
    package static let microseconds: @Sendable () -> Int64 = { Int64(DispatchTime.now().uptimeNanoseconds / 1_000) }
}
