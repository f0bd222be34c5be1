// How many pods does Knative's autoscaler want?
//
// Its documented algorithm (knative.dev, "Autoscaling" and `config-autoscaler`), on average concurrency: a stable window,
// and a panic window a tenth as long. When the panic window wants at least twice what is ready, the autoscaler panics: it
// follows the panic window, never down, until a whole stable window has passed without such a moment.

struct KnativePodAutoscaler: Hashable, Sendable {
    struct Options: Hashable, Sendable {
        /// `stable-window`.
        var stableWindowMicroseconds: Int64 = 60_000_000
        /// `panic-window-percentage` of the stable window.
        var panicWindowMicroseconds: Int64 = 6_000_000
        /// `panic-threshold-percentage`, as a share.
        var panicThreshold = 2.0
        /// `container-concurrency-target-percentage`, as a share.
        var targetUtilization = 0.7
        /// `max-scale-up-rate` and `max-scale-down-rate`.
        var maxScaleUpRate = 1_000.0
        var maxScaleDownRate = 2.0
        var tickMicroseconds: Int64 = 2_000_000
        var scaleToZeroGraceMicroseconds: Int64 = 30_000_000
        /// Requests that a pod serves at once.
        var containerConcurrency = 1
    }

    let options: Options
    /// The last moment over the panic threshold; nil outside of panic.
    private(set) var panicSince: Int64?
    private var mostPanicPods = 0

    init(options: Options) { self.options = options }

    /// The wanted count at a tick, before the grace that the last pod is given.
    mutating func desired(at now: Int64, readyPods: Int, stableConcurrency: Double, panicConcurrency: Double) -> Int {
        let ready = Double(max(1, readyPods))
        let target = options.targetUtilization * Double(options.containerConcurrency)
        let most = (options.maxScaleUpRate * ready).rounded(.up)
        let least = readyPods == 0 ? 0 : (ready / options.maxScaleDownRate).rounded(.down)
        let wantedByPanic = (panicConcurrency / target).rounded(.up)
        let stable = Int(min(max((stableConcurrency / target).rounded(.up), least), most))
        let panic = Int(min(max(wantedByPanic, least), most))

        let isOverThreshold = wantedByPanic / ready >= options.panicThreshold
        if isOverThreshold {
            panicSince = now
        } else if let since = panicSince, since + options.stableWindowMicroseconds < now {
            panicSince = nil
            mostPanicPods = 0
        }
        guard panicSince != nil else { return stable }
        mostPanicPods = max(mostPanicPods, stable, panic)
        return mostPanicPods
    }
}
