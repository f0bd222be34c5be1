// Is this server new enough?
//
// A server says its version in INFO, as `2.14.0` or `2.15.0-RC.1`. What follows a hyphen is a release candidate of that version: it
// counts as older. A text that isn't a version counts as the oldest, so a server that doesn't say what it is is refused.

package struct NATSVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var major: Int
    package var minor: Int
    package var patch: Int
    package var isCandidate = false

    package init(_ major: Int, _ minor: Int, _ patch: Int) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    package init?(_ text: String) {
        let halves = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = halves[0].split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 3 else { return nil }
        let values = numbers.map { $0.count <= 6 && $0.allSatisfy { $0.isASCII && $0.isNumber } ? Int($0) : nil }
        guard let major = values[0], let minor = values[1], let patch = values[2] else { return nil }
        self.init(major, minor, patch)
        isCandidate = halves.count == 2
    }

    package static func < (a: NATSVersion, b: NATSVersion) -> Bool {
        (a.major, a.minor, a.patch, a.isCandidate ? 0 : 1) < (b.major, b.minor, b.patch, b.isCandidate ? 0 : 1)
    }

    package var description: String { "\(major).\(minor).\(patch)" + (isCandidate ? " (a candidate)" : "") }
}
