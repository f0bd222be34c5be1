import Crypto
import Foundation

@testable import NATSClient

// A user's key made for one test.

struct NKeyMaker {
    var seed: String
    var key: NKey
    var pair: Curve25519.Signing.PrivateKey

    static func seed(_ raw: [UInt8], kind: UInt8 = 20 << 3) -> String {
        let body = [18 << 3 | kind >> 5, (kind & 31) << 3] + raw
        let crc = NKey.crc(body)
        return Base32.encode(body + [UInt8(crc & 0xFF), UInt8(crc >> 8)])
    }

    /// The public text of a key of any kind.
    static func text(_ raw: [UInt8], kind: UInt8) -> String {
        let body = [kind] + raw
        let crc = NKey.crc(body)
        return Base32.encode(body + [UInt8(crc & 0xFF), UInt8(crc >> 8)])
    }

    static func fresh() throws -> NKeyMaker {
        let pair = Curve25519.Signing.PrivateKey()
        let seed = seed(Array(pair.rawRepresentation))
        return NKeyMaker(seed: seed, key: try NKey(seed: seed), pair: pair)
    }

    static func verifies(_ signature: String, of nonce: String, by key: NKeyMaker) -> Bool {
        var text = signature.replacing("-", with: "+").replacing("_", with: "/")
        while text.utf8.count % 4 != 0 { text += "=" }
        guard let bytes = Data(base64Encoded: text) else { return false }
        return key.pair.publicKey.isValidSignature(bytes, for: Data(nonce.utf8))
    }
}
