// What is the next worker called?
//
// `POOL-TAG-N`: the pool's name without its namespace, five characters that stand for this run of the service, and a
// number that rises over all pools. So no name is used twice, and a name tells which run started it.

struct WorkerNames: Sendable {
    private let tag: String
    private var last = 0

    /// - Parameter startSeconds: when this run began, in seconds since 1970. The tag repeats after 36⁵ s, nearly two years.
    init(startSeconds: Int64) {
        let digits = String(startSeconds % 60_466_176, radix: 36)
        tag = String(repeating: "0", count: 5 - digits.count) + digits
    }

    mutating func next(in pool: String) -> String {
        last += 1
        return "\(Self.base(of: pool))-\(tag)-\(last)"
    }

    /// Whether `name` has the form of names given here, by this run or an earlier one.
    static func isOurs(_ name: String, in pool: String) -> Bool {
        let prefix = base(of: pool) + "-"
        guard name.hasPrefix(prefix) else { return false }
        let parts = name.dropFirst(prefix.count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 5, !parts[1].isEmpty else { return false }
        return parts[0].utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
            && parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func base(of pool: String) -> String { String(pool.split(separator: "/").last ?? "worker") }
}
