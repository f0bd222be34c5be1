import Testing

@testable import Assembly
@testable import Output

@Suite struct ObjectStorageSectionTests {
    private func read(_ yaml: String) throws -> ObjectStorageConfiguration? {
        try ServiceConfiguration(yaml: yaml, file: "/etc/greenroom.yaml").objectStorage
    }

    @Test("without the section no store is looked at; with it, those that have one of their own") func sections() throws {
        #expect(try read("database: a.db") == nil)
        let one = try #require(try read("objectStorage: {gs: {anonymous: true}, looksPerSecond: 2.5}"))
        #expect(one.s3 == nil && one.gs?.region == "auto" && one.survey.looksPerSecond == 2.5)
        guard case .anonymous = one.gs?.keys else { Issue.record("not anonymous"); return }
    }

    @Test("every field is read") func whole() throws {
        let storage = try #require(
            try read(
                """
                objectStorage:
                  s3: {endpoint: "https://minio:9000", region: eu-central-1, style: virtualHosted, authority: ca.pem, keyFiles: {accessKeyId: a, secretAccessKey: b, sessionToken: c}}
                  gs: {}
                  trustSeconds: 5
                  golden: {everySeconds: 30, locations: ["s3://bucket/golden"], templates: {ns/t: "gs://other/t/"}}
                """))
        #expect(storage.s3?.region == "eu-central-1" && storage.s3?.authorityFile == "/etc/ca.pem")
        guard case .files("a", "b", "c") = storage.s3?.keys else { Issue.record("not files"); return }
        #expect(storage.survey.goldens.count == 2 && storage.survey.goldensEverySeconds == 30 && storage.survey.trustSeconds == 5)
    }

    @Test(
        "what is wrong is named: field, part of the reason",
        arguments: [
            ("s3: {endpoint: minio}", "objectStorage.s3.endpoint"), ("s3: {style: dns}", "path or virtualHosted"),
            ("s3: {region: \"a b\"}", "objectStorage.s3.region"),
            ("s3: {keyFiles: {accessKeyId: a}}", "secretAccessKey is missing"),
            ("s3: {anonymous: true, keyFiles: {accessKeyId: a, secretAccessKey: b}}", "take one of them away"),
            ("looksPerSecond: 0", "0.01 to 1000.0"), ("golden: {everySeconds: 0}", "1.0 to 86400.0"),
            ("golden: {locations: [\"s3://bucket/x\"]}", "has no section for"),
            ("s3: {}, golden: {locations: [\"s3://../x\"]}", "names no location"), ("s3: {bucket: x}", "is no field"),
            ("s4: {}", "is no field"),
        ])
    func faults(_ yaml: String, _ reason: String) {
        let fault = #expect(throws: Fault.self) { try read("objectStorage: {\(yaml)}") }
        #expect(fault.map { "\($0)".contains(reason) } == true, "\(fault.map { "\($0)" } ?? "")")
    }
}
