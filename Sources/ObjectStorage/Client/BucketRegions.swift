import Synchronization

// In which region is a bucket?
//
// What answers told, so that a redirect costs one request a bucket and not one each. Bounded: when there are too many all are
// forgotten, which costs those redirects again.

final class BucketRegions: Sendable {
    private let usual: String
    private let limit: Int
    private let known = Mutex<[String: String]>([:])

    init(usual: String, limit: Int) {
        self.usual = usual
        self.limit = limit
    }

    func region(of bucket: String) -> String { known.withLock { $0[bucket] } ?? usual }

    func learn(_ region: String, of bucket: String) {
        known.withLock { known in
            if known.count >= limit, known[bucket] == nil { known.removeAll(keepingCapacity: true) }
            known[bucket] = region
        }
    }
}
