import Synchronization

// May one more of this caller be open?
//
// A count for each name, under one limit. Each share is given back once: when it is left, or when nobody holds it any more.

final class SharesByName: Sendable {
    let limit: Int
    private let counts = Mutex<[String: Int]>([:])

    init(limit: Int) { self.limit = limit }

    /// nil where the name has as many as it may.
    func enter(_ name: String) -> Share? {
        let isAllowed = counts.withLock { counts in
            guard counts[name, default: 0] < limit else { return false }
            counts[name, default: 0] += 1
            return true
        }
        return isAllowed ? Share(of: self, name) : nil
    }

    fileprivate func leave(_ name: String) {
        counts.withLock { counts in
            let left = counts[name, default: 0] - 1
            counts[name] = left > 0 ? left : nil
        }
    }

    final class Share: Sendable {
        private let shares: SharesByName
        private let name: String

        fileprivate init(of shares: SharesByName, _ name: String) {
            self.shares = shares
            self.name = name
        }

        deinit { shares.leave(name) }
    }
}
