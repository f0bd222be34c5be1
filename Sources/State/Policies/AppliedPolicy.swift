package import Autoscaling
package import Domain

// Which policy is in effect, since when, by which rules, and does an operator's pause stand over it?
//
// Always: `policy` is what decisions follow: the policy as it was written, with the pause that is in effect. A pause is said by a
// policy (`spec.pause`) or by an operator (`pool.paused`); the newer statement wins. A policy states a pause when it has one that
// its predecessor hadn't: one that has none, or that comes again, says nothing of it.

/// Shared, as every evaluation of the pool reads it and nothing changes it.
package final class AppliedPolicy: Sendable {
    package let policy: Policy
    /// The policy's, at hand: to ask the policy itself copies it.
    package let mode: Policy.Mode
    package let canonicalJSON: [UInt8]
    package let digest: String
    package let seq: Position
    package let at: LogTime
    package let rules: DecisionRules
    /// Whether the target's count is one of workers that nobody has; before the rules knew of that it never was.
    package let isUnclaimed: Bool
    /// The pause as the policy has it, and where in the log it said so first.
    package let ownPause: Pause
    package let ownPauseSeq: Position
    /// Of the `pool.paused` whose word counts in place of the policy's; nil where none does.
    package let orderSeq: Position?

    package init(policy: Policy, canonicalJSON: [UInt8], digest: String, seq: Position, at: LogTime, rules: DecisionRules = .current) {
        self.policy = policy
        mode = policy.mode
        self.canonicalJSON = canonicalJSON
        self.digest = digest
        self.seq = seq
        self.at = at
        self.rules = rules
        isUnclaimed = rules >= .unclaimedIsSpare && policy.isUnclaimed
        ownPause = policy.pause
        ownPauseSeq = seq
        orderSeq = nil
    }

    /// - Parameter order: what the operator said last, if anything.
    private init(_ other: AppliedPolicy, at: LogTime, ownPauseSeq: Position, under order: PauseOrder?) {
        var policy = other.policy
        policy.pause = other.ownPause
        let counts = order.map { !(other.ownPause.isOn && ownPauseSeq > $0.seq) && $0.pause != other.ownPause } ?? false
        if counts, let order { policy.pause = order.pause }
        self.policy = policy
        mode = other.mode
        canonicalJSON = other.canonicalJSON
        digest = other.digest
        seq = other.seq
        self.at = at
        rules = other.rules
        isUnclaimed = other.isUnclaimed
        ownPause = other.ownPause
        self.ownPauseSeq = ownPauseSeq
        orderSeq = counts ? order?.seq : nil
    }

    /// The policy as it was written.
    package var written: Policy {
        var policy = policy
        policy.pause = ownPause
        return policy
    }

    /// The same with what the operator says now.
    package func under(_ order: PauseOrder?) -> AppliedPolicy { AppliedPolicy(self, at: at, ownPauseSeq: ownPauseSeq, under: order) }

    /// The same as it takes effect after `previous`.
    /// - Parameter renews: it is `previous` itself, from here on under other rules.
    package func following(_ previous: AppliedPolicy?, renews: Bool, under order: PauseOrder?) -> AppliedPolicy {
        let saidBefore = previous.flatMap { $0.ownPause == ownPause ? $0.ownPauseSeq : nil }
        return AppliedPolicy(self, at: renews ? previous?.at ?? at : at, ownPauseSeq: saidBefore ?? seq, under: order)
    }
}

/// The last `pool.paused` of a pool.
package struct PauseOrder: Hashable, Sendable {
    package internal(set) var pause: Pause
    /// Whose token it was; nil where nobody has one.
    package internal(set) var by: String?
    package internal(set) var seq: Position
    package internal(set) var at: LogTime
}

extension PauseOrder {
    package func encode(into writer: inout ByteWriter) {
        writer.pause(pause)
        writer.optional(by) { $0.string($1) }
        writer.integer(seq)
        writer.time(at)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        pause = try reader.pause()
        by = try reader.optional { reader throws(ByteFault) in try reader.string() }
        seq = try reader.integer()
        at = try reader.time()
    }
}

extension AppliedPolicy {
    package func encode(into writer: inout ByteWriter) {
        writer.data(canonicalJSON)
        writer.string(digest)
        writer.integer(seq)
        writer.time(at)
        writer.integer(Int64(rules.rawValue))
        writer.integer(ownPauseSeq)
    }

    /// - Parameter order: the pool's, which is kept beside it.
    package static func read(from reader: inout ByteReader, under order: PauseOrder?) throws(ByteFault) -> AppliedPolicy {
        let offset = reader.offset
        let json = try reader.data()
        let policy: Policy
        do {
            policy = try Policy(canonicalJSON: json)
        } catch {
            throw ByteFault(offset: offset, problem: "not a policy")
        }
        let (digest, seq, at) = (try reader.string(), try reader.integer(Position.self), try reader.time())
        guard let rules = DecisionRules(rawValue: try reader.int()) else {
            throw ByteFault(offset: offset, problem: "a policy's rules aren't known")
        }
        let applied = AppliedPolicy(policy: policy, canonicalJSON: json, digest: digest, seq: seq, at: at, rules: rules)
        return AppliedPolicy(applied, at: at, ownPauseSeq: try reader.integer(), under: order)
    }
}

extension ByteWriter {
    fileprivate mutating func pause(_ pause: Pause) {
        bool(pause.scaleIn)
        bool(pause.scaleOut)
        optional(pause.hold) { $0.integer(Int64($1)) }
    }
}

extension ByteReader {
    fileprivate mutating func pause() throws(ByteFault) -> Pause {
        Pause(
            scaleIn: try bool(), scaleOut: try bool(), hold: try optional { reader throws(ByteFault) in try reader.int() })
    }
}
