import Foundation
@testable import Autoscaling

// The recorded answers of Kubernetes' HPA controller, read as they were written.

struct HPAFixture: Decodable {
    var scenarios: [Scenario]

    static func load() throws -> HPAFixture {
        let url = Bundle.module.bundleURL.appendingPathComponent("Fixtures/hpa-v1.36.json")
        return try JSONDecoder().decode(HPAFixture.self, from: Data(contentsOf: url))
    }

    struct Scenario: Decodable {
        var name: String
        var minReplicas: Int
        var maxReplicas: Int
        var targetMilli: Target
        var behaviorWithDefaults: WrittenBehavior?
        var ticks: [Tick]
    }

    struct Target: Decodable {
        var averageValue: Int64?
        var value: Int64?
    }

    struct Tick: Decodable {
        var at: Double
        var specReplicas: Int
        var statusReplicas: Int
        var readyPods: Int
        var metricMilli: [Int64]
        var proposed: Int?
        var desired: Int
        var ableToScaleReason: String?
        var scalingLimitedReason: String?
        var scalingLimited: Bool
    }

    struct WrittenBehavior: Decodable {
        var scaleUp: Rules
        var scaleDown: Rules

        struct Rules: Decodable {
            var stabilizationWindowSeconds: Int
            var selectPolicy: String
            var policies: [Rule]
            var tolerance: String?
        }

        struct Rule: Decodable {
            var type: String
            var value: Int
            var periodSeconds: Int
        }
    }
}

extension HPAFixture.WrittenBehavior {
    var behavior: Behavior { Behavior(scaleUp: scaleUp.rules, scaleDown: scaleDown.rules) }
}

extension HPAFixture.WrittenBehavior.Rules {
    var rules: Behavior.Rules {
        Behavior.Rules(
            stabilizationWindowSeconds: stabilizationWindowSeconds,
            select: Behavior.Select(rawValue: selectPolicy) ?? .max,
            limits: policies.map {
                Behavior.Limit(kind: Behavior.Limit.Kind(rawValue: $0.type) ?? .pods, value: $0.value, periodSeconds: $0.periodSeconds)
            },
            tolerancePPM: tolerance.map(Self.ppm) ?? 100_000)
    }

    /// A Kubernetes quantity: `50m`, `0.05`, `0`.
    static func ppm(_ quantity: String) -> Int {
        let isMilli = quantity.hasSuffix("m")
        let number = Double(isMilli ? String(quantity.dropLast()) : quantity) ?? .nan
        return Int((number * (isMilli ? 1_000 : 1_000_000)).rounded())
    }
}
