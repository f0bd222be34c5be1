import Basics

// Which server is tried next?
//
// Each round tries every known server once, in random order. What was configured always stays: after many servers restarted, the list
// that a server tells of can shrink to itself. What the last server told of replaces what the one before told of. Between two rounds
// comes a pause.

struct ServerPool {
    private let configured: [NATSAddress]
    private var learned: [NATSAddress] = []
    private var round: [NATSAddress] = []
    private var random: SplitMix64

    init(_ configured: [NATSAddress], seed: UInt64) {
        self.configured = configured
        random = SplitMix64(seed: seed)
    }

    var all: [NATSAddress] { configured + learned }

    /// nil at the end of a round.
    mutating func next() -> NATSAddress? {
        round.isEmpty ? nil : round.removeLast()
    }

    /// - Parameter leaving: tried last, where there is any other: it said that it goes away.
    mutating func beginRound(leaving: NATSAddress? = nil) {
        round = all.shuffled(using: &random)
        guard let leaving, let index = round.firstIndex(where: { $0.isSamePlace(as: leaving) }) else { return }
        round.insert(round.remove(at: index), at: 0)
    }

    /// - Parameter teller: the server that told of them. Its certificate's name counts for those that are told of by number.
    mutating func learn(_ addresses: [String], from teller: NATSAddress) {
        var fresh: [NATSAddress] = []
        for text in addresses.prefix(NATSServerInfo.addressesMost) {
            guard var address = try? NATSAddress(text) else { continue }
            address.requiresTLS = teller.requiresTLS
            if address.isNumeric {
                address.tlsName = teller.tlsName ?? (teller.isNumeric ? nil : teller.host)
            }
            guard !(configured + fresh).contains(where: { $0.isSamePlace(as: address) }) else { continue }
            fresh.append(address)
        }
        learned = fresh
    }
}

/// A pause that is random between zero and a bound, which doubles: full jitter. A thousand clients of servers that came back spread
/// over the whole bound.
struct FullJitter {
    private var bound: DoublingDelay
    private var random: SplitMix64

    init(first: Duration, longest: Duration, seed: UInt64) {
        bound = DoublingDelay(first: first, longest: longest)
        random = SplitMix64(seed: seed)
    }

    mutating func next() -> Duration { bound.next() * (Double(random.next() >> 11) * 0x1p-53) }
    mutating func reset() { bound.reset() }
}
