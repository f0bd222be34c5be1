import ServiceLifecycle

// How does the series live under service-lifecycle?
//
// It follows the log until the group shuts down, and saves what it has.

package struct SeriesService: Service {
    private let series: PoolSeries

    package init(series: PoolSeries) { self.series = series }

    package func run() async throws {
        await cancelWhenGracefulShutdown { [series] in await series.run() }
    }
}
