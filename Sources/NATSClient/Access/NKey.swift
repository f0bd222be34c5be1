import Crypto
import Foundation

// Who signs the server's nonce?
//
// A seed (`SU…`) is Base32 of two prefix bytes, 32 bytes of an ed25519 seed and a CRC-16 of these, low byte first. Its public key
// (`U…`) is one prefix byte, 32 bytes and the CRC. What is signed are the bytes of the nonce as it stands in INFO. The signature is
// Base64 for URLs without padding: 2.9 and 2.14 refuse the other mixtures.
//
// The seed is never shown: not in a description, not in an error.

package struct NKey: Sendable, CustomStringConvertible, CustomReflectable {
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// A user's key: the only kind that signs for a connection.
    private static let userPrefix: UInt8 = 20 << 3
    private static let seedPrefix: UInt8 = 18 << 3

    package let publicKey: String
    private let key: Curve25519.Signing.PrivateKey

    package init(seed text: String) throws(Fault) {
        let text = text.utf8.filter { $0 > 32 }
        guard text.count <= 128, let bytes = Base32.decode(text), bytes.count == 36 else {
            throw Fault(description: "the nkey seed is no seed: it begins with SU and has 58 characters")
        }
        let body = bytes.prefix(34)
        guard Self.crc(body) == UInt16(bytes[34]) | UInt16(bytes[35]) << 8 else {
            throw Fault(description: "the nkey seed's checksum is wrong: a character is missing or was changed")
        }
        // The kind's five upper bits are split over both bytes.
        let kind = (bytes[0] & 7) << 5 | bytes[1] >> 3
        guard bytes[0] & 0xF8 == Self.seedPrefix, kind == Self.userPrefix else {
            throw Fault(description: "the nkey seed isn't a user's: it must begin with SU")
        }
        do { key = try Curve25519.Signing.PrivateKey(rawRepresentation: body.dropFirst(2)) } catch {
            throw Fault(description: "the nkey seed is no ed25519 seed")
        }
        let named = [Self.userPrefix] + Array(key.publicKey.rawRepresentation)
        let crc = Self.crc(named)
        publicKey = Base32.encode(named + [UInt8(crc & 0xFF), UInt8(crc >> 8)])
    }

    func signature(of nonce: String) throws(Fault) -> String {
        do { return Self.urlSafe(try key.signature(for: Data(nonce.utf8))) } catch {
            throw Fault(description: "the nonce could not be signed")
        }
    }

    static func urlSafe(_ bytes: some DataProtocol) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// CRC-16/XMODEM.
    static func crc(_ bytes: some Sequence<UInt8>) -> UInt16 {
        var crc: UInt16 = 0
        for byte in bytes {
            crc ^= UInt16(byte) << 8
            for _ in 0..<8 { crc = crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
        }
        return crc
    }

    package var description: String { "nkey \(publicKey)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
