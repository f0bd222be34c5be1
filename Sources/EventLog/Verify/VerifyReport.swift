// What did verifying find?

public import Domain

public struct VerifyReport: Hashable, Sendable {
    /// The first thing that is not as it was written.
    public struct Fault: Hashable, Sendable, CustomStringConvertible {
        public enum Part: Hashable, Sendable {
            /// A row that was changed, removed, added or moved.
            case chain
            /// A (source, id) that is in the log twice.
            case duplicate
            /// The subject's event before is not where the row says.
            case previous
            /// What the log works out from events doesn't fit them; opening with `rebuildsDerived` makes it anew.
            case derived
            /// What was acknowledged, and isn't in the file.
            case lost
        }

        public var part: Part
        public var position: Position
        public var problem: String

        public var description: String { "at position \(position): \(problem)" }
    }

    public var events: Int64 = 0
    public var commits: Int64 = 0
    public var names: Int64 = 0
    public var head = Head.empty
    /// The chain's last link: two logs with the same one hold the same events.
    public var lastHash: [UInt8] = []
    public var fault: Fault?

    public var isSound: Bool { fault == nil }
}
