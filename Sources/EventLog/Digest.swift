import Basics
import Crypto

// Which bytes were these? SHA-256 in hexadecimal, for policies and decisions: what is digested and shown to people.

package enum Digest {
    package static func sha256Hex(_ bytes: [UInt8]) -> String { Hex.text(SHA256.hash(data: bytes)) }
}
