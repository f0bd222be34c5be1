import Testing

@testable import ObjectStorage

@Suite struct AccessKeyTests {
    @Test("no way of printing a key shows its secret or its token") func neverPrinted() throws {
        let key = try AccessKey(id: "AKIAIOSFODNN7EXAMPLE", secret: "s3cr3t", sessionToken: "t0k3n")
        var dumped = ""
        dump(key, to: &dumped)
        dump(Optional(key), to: &dumped)
        for text in ["\(key)", String(reflecting: key), String(describing: [key]), dumped] {
            #expect(!text.contains("s3cr3t") && !text.contains("t0k3n"), "\(text)")
        }
        #expect("\(key)" == "access key AKIA…")
    }

    @Test(
        "what can't stand in a header is no key, and the fault doesn't repeat it",
        arguments: [
            ("", "secret", nil), ("id", "", nil), ("id", "two words", nil), ("id", "line\r\nx: y", nil), ("id/x", "secret", nil),
            ("id,x", "secret", nil), ("id", "secret", ""), ("id", "secret", "tök"),
        ] as [(String, String, String?)])
    func bad(_ id: String, _ secret: String, _ token: String?) {
        let fault = #expect(throws: CredentialFault.self) { try AccessKey(id: id, secret: secret, sessionToken: token) }
        #expect(secret.isEmpty || fault?.description.contains(secret) == false || secret == "secret")
    }

    @Test("the environment gives a whole key, none, or a fault") func environment() throws {
        let whole = ["AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"]
        let key = try CredentialSource.environment(whole, for: .s3)?.key()
        #expect(key == (try AccessKey(id: "id", secret: "secret", sessionToken: "token")))
        // A key of one cloud never signs for another.
        #expect(try CredentialSource.environment(whole, for: .gs)?.key() == nil)
        #expect(
            try CredentialSource.environment(["GS_ACCESS_KEY_ID": "GOOG1E", "GS_SECRET_ACCESS_KEY": "secret"], for: .gs)?.key()?.id
                == "GOOG1E")
        #expect(try CredentialSource.environment(["AWS_ACCESS_KEY_ID": ""], for: .s3)?.key() == nil)
        #expect(throws: CredentialFault.self) { try CredentialSource.environment(["AWS_ACCESS_KEY_ID": "id"], for: .s3) }
        #expect(throws: CredentialFault.self) { try CredentialSource.environment(["AWS_SECRET_ACCESS_KEY": "secret"], for: .s3) }
    }
}
