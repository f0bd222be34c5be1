import Basics
import Testing

@testable import Autoscaling

@Suite struct QuantityTests {
    /// Text, in milli-units, and how it is written again.
    @Test(
        arguments: [
            ("0", 0, "0"), ("1", 1_000, "1"), ("1.5", 1_500, "1.5"), ("500m", 500, "0.5"), ("2k", 2_000_000, "2000"), ("0.3", 300, "0.3"),
            ("-0.25", -250, "-0.25"),
            ("+3", 3_000, "3"), (".5", 500, "0.5"), ("5.", 5_000, "5"), ("1e3", 1_000_000, "1000"), ("1E-3", 1, "0.001"),
            ("1Ki", 1_024_000, "1024"), ("0.5Mi", 524_288_000, "524288"),
            ("3M", 3_000_000_000, "3000000"), ("1.000000000", 1_000, "1"),
            // Finer than asked: away from zero, as Kubernetes.
            ("0.0001", 1, "0.001"), ("1.0005", 1_001, "1.001"), ("-0.0001", -1, "-0.001"), ("1u", 1, "0.001"), ("1n", 1, "0.001"),
            ("1500u", 2, "0.002"),
            ("9223372036854775.807", .max, "9223372036854775.807"), ("1e-99", 1, "0.001"),
        ] as [(String, Int64, String)])
    func reads(_ text: String, asMilli expected: Int64, writtenAs written: String) throws {
        #expect(try Quantity.parse(text, decimals: 3) == expected)
        #expect(Quantity.text(expected, decimals: 3) == written)
        #expect(try Quantity.parse(written, decimals: 3) == expected)
    }

    @Test(arguments: [
        "", "-", ".", "m", "1x", "1 k", "1.2.3", "--1", "1e", "1e+", "0x10", "1,5", "١", "1mm", "1ki", "NaN", "1e99999",
        String(repeating: "0", count: 41),
    ])
    func refuses(_ text: String) {
        #expect(throws: Quantity.Fault.malformed) { try Quantity.parse(text, decimals: 3) }
    }

    @Test(arguments: ["9223372036854775.808", "1e30", "99999999999999999999", "9Ei", "1e999"])
    func refusesWhatDoesNotFit(_ text: String) {
        #expect(throws: Quantity.Fault.tooLarge) { try Quantity.parse(text, decimals: 3) }
    }

    @Test(
        arguments: [
            ("cooldownperiod", "cooldownPeriod"), ("cooldown", nil), ("colldownPeriod", "cooldownPeriod"),
            ("minReplicas", "minReplicaCount"), ("tirggers", "triggers"),
            ("x", nil), ("", nil), ("somethingElse", nil),
        ] as [(String, String?)])
    func theNearestName(_ name: String, _ expected: String?) {
        #expect(NearestName.nearest(to: name, in: ["cooldownPeriod", "minReplicaCount", "triggers"]) == expected)
    }
}
