// Which metadata must not reach a log?
//
// Values under keys that name a secret, at any depth, whatever they are. A key names one if one of its words does: words are
// parted by anything that is no letter or digit, and by capitals (`authToken`, `AUTH_TOKEN`, `x-auth-token`).

package enum Redaction {
    package static let words: Set<String> = [
        "token", "tokens", "authorization", "password", "passwords", "passwd", "secret", "secrets", "apikey", "credential", "credentials",
    ]
    package static let placeholder = "<redacted>"

    package static func namesSecret(_ key: String) -> Bool {
        var word = ""
        var lastWasLower = false
        for character in key {
            guard character.isLetter || character.isNumber else {
                if words.contains(word) { return true }
                word = ""
                lastWasLower = false
                continue
            }
            if character.isUppercase, lastWasLower {
                if words.contains(word) { return true }
                word = ""
            }
            lastWasLower = character.isLowercase || character.isNumber
            word += character.lowercased()
        }
        return words.contains(word)
    }
}
