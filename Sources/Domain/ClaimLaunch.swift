// How did a claim come to its worker?
//
// `launch` of `actor.requested` and `actor.running`, of pools whose workers leave when they are taken. The log keeps the raw values.

package enum ClaimLaunch: String, Hashable, Sendable, CaseIterable {
    /// One of the pool's that lay ready.
    case warm
    /// One made for it, as none lay ready: a miss.
    case cold
    /// One made for it, as it could have no other: it brings an environment or volumes of its own.
    case forced
}
