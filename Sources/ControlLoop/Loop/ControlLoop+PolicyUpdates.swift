package import Autoscaling

// Which policies are in effect, told to those who do something about each?
//
// Published once, in the fold of the commit that changed one: whoever polls for policies or watches their targets reads values that
// are there, parses nothing and asks nothing.

extension ControlLoop {
    /// The policies in effect as decisions follow them, pools' own and shadows, now and whenever they are others. Who is slow gets the
    /// latest. Ends with the task that reads it.
    package func policyUpdates() -> AsyncStream<[Policy]> {
        let number = policyWatches.wrappingAdd(1, ordering: .relaxed).newValue
        let (stream, continuation) = AsyncStream.makeStream(of: [Policy].self, bufferingPolicy: .bufferingNewest(1))
        continuation.onTermination = { [core, scheduler] _ in scheduler.perform { core.endPolicyWatch(number) } }
        scheduler.perform { [core] in core.watchPolicies(number) { _ = continuation.yield($0) } }
        return stream
    }
}
