// Where do the values come from?
//
// A request takes `ready` on its event loop, without waiting for anybody; only where nothing fresh enough is there does it wait
// for `fresh`. `latest` is for what must be answered even while the loop stands still: discovery, by which the API server
// tells whether this service is there at all.

package protocol MetricSource: Sendable {
    /// A snapshot that is fresh enough to answer with; nil where there is none. Returns at once.
    func ready() -> MetricSnapshot?
    /// The last snapshot there was, however old. Returns at once.
    func latest() -> MetricSnapshot?
    /// A snapshot that is fresh enough, taken anew where need be.
    func fresh() async -> MetricSnapshot
}
