import Autoscaling
import Domain
import Testing

@testable import Policies

@Suite struct PolicyReaderTests {
    @Test func theDocumentedExampleIsReadWhole() throws {
        let policy = try #require(try read(Sample.documented).first)
        #expect(policy.pool == "kagent/kagent-default")
        #expect(policy.mode == .auto)
        #expect(policy.target == ScaleTarget(apiVersion: "ate.dev/v1alpha1", kind: "WorkerPool", name: "kagent-default"))
        #expect((policy.slotsPerWorker, policy.minReplicaCount, policy.maxReplicaCount) == (1, 0, 20))
        #expect(policy.idleReplicaCount == 0)
        #expect((policy.cooldownPeriodSeconds, policy.initialCooldownPeriodSeconds) == (300, 0))
        #expect(policy.buffer == .fixed(2))
        #expect(
            policy.triggers == [
                Trigger(name: "queue_depth", source: .demand, thresholdMilli: 1_000),
                Trigger(
                    name: "request_rate",
                    source: .observed(
                        metric: "nats_consumer_pending_messages",
                        selector: [.init(key: "consumer", value: "devops-agent"), .init(key: "stream", value: "agent-tasks")],
                        staleAfterSeconds: 60),
                    thresholdMilli: 3_000),
            ])
        #expect(policy.behaviorGiven)
        #expect(policy.behavior.scaleUp.limits == Behavior.kubernetesDefault.scaleUp.limits)
        #expect(policy.behavior.scaleUp.tolerancePPM == 0, "a policy that watches demand lets nobody wait within a tolerance")
        #expect(
            policy.behavior.scaleDown
                == Behavior.Rules(stabilizationWindowSeconds: 300, limits: [.init(kind: .pods, value: 1, periodSeconds: 300)]))
        #expect(policy.scalingModifiers?.formula.evaluate([6, 4]) == 5)
        #expect(policy.scalingModifiers?.targetMilli == 10_000)
        #expect(policy.scalingModifiers?.activationTargetMilli == 2_000)
        #expect(policy.fallback == Fallback(failureThreshold: 3, replicas: 6))
        #expect(policy.schedules.map(\.cron) == ["0 8 * * 1-5"])
        #expect(policy.schedules.first?.isActive(at: try time("2026-07-01T06:00:00Z")) == true)
        #expect(policy.schedules.first?.isActive(at: try time("2026-01-05T06:00:00Z")) == false)
        #expect(policy.drainTimeoutSeconds == 300)
        #expect(policy.zoneMaxSkew == 1)
        #expect(policy.localWaitSeconds == nil)
        #expect(policy.quotas == [Quota(tenant: "team-a", maxRunning: 10)])
    }

    @Test func theSmallestPolicyHasTheDocumentedDefaults() throws {
        var expected = Policy(pool: "default/a", target: ScaleTarget(apiVersion: "greenroom.dev/v1", kind: "Process", name: "a"))
        expected.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        expected.behaviorGiven = true
        expected.behavior.scaleUp.tolerancePPM = 0
        #expect(try read("\(Sample.head)metadata: {name: a}\nspec: {scaleTargetRef: {kind: Process}}") == [expected])
        #expect(
            (expected.maxReplicaCount, expected.minReplicaCount, expected.cooldownPeriodSeconds, expected.behaviorGiven) == (
                100, 0, 300, true
            ))
    }

    /// A part of spec, and what it comes to.
    @Test func fieldsReadAsTheyAreMeant() throws {
        #expect(try spec("mode: recommend").mode == .recommend)
        #expect(try spec("buffer: {sparePercent: 20}").buffer == .percent(20))
        #expect(try spec("pause: {in: true, hold: 4}").pause == Pause(scaleIn: true, scaleOut: false, hold: 4))
        #expect(try spec("forceActivation: true").forceActivation)
        #expect(try spec("idleReplicaCount: ~").idleReplicaCount == nil)
        #expect(try spec("idleReplicaCount:").idleReplicaCount == nil)
        #expect(try spec("placement: {spillTo: [b, other/c], localWaitSeconds: 5}").spillTo == ["default/b", "other/c"])
        #expect(try spec("placement: {localWaitSeconds: 5}").localWaitSeconds == 5)
        #expect(try !spec("placement: {localWaitSeconds: 5}").prefetch)
        #expect(try spec("placement: {localWaitSeconds: auto, prefetch: true}").prefetch)
        #expect(try spec("triggers: [{type: demand, threshold: 500m}]").triggers.first?.thresholdMilli == 500)
        #expect(try spec("triggers: [{type: demand, threshold: \"2k\"}]").triggers.first?.thresholdMilli == 2_000_000)
        #expect(try spec("triggers: [{type: demand, threshold: 1.5, metricType: Value}]").triggers.first?.metricType == .value)
        #expect(try spec("triggers: [{type: observed, metric: depth, threshold: 5}]").triggers.first?.name == "depth")
        #expect(try spec("scaleTargetRef: {kind: Process, command: [sh, -c, \"sleep 1\"]}").target.command == ["sh", "-c", "sleep 1"])
        #expect(try spec("scaleTargetRef: {name: web}").target == ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "web"))
        #expect(try spec("schedules: [{cron: \"@daily\", durationSeconds: 60, minReplicaCount: 1}]").schedules.first?.timezone == "UTC")
    }

    @Test func behaviorFillsItsMissingHalvesWithKubernetesDefaults() throws {
        func behavior(_ text: String) throws -> Policy { try spec("advanced: {horizontalPodAutoscalerConfig: {behavior: \(text)}}") }
        #expect(try behavior("{}").behaviorGiven)
        #expect(try behavior("{}").behavior.scaleDown == Behavior.kubernetesDefault.scaleDown)
        #expect(try spec("triggers: [{type: observed, metric: depth, threshold: 5}]").behavior == .kubernetesDefault)
        #expect(try spec("buffer: {surge: {quantile: 0.97, windowSeconds: 900, min: 1}}").behavior.scaleDown == Behavior.asNeeded.scaleDown)
        let slow = try behavior("{scaleDown: {selectPolicy: Disabled, tolerance: 50m}, scaleUp: {tolerance: 0}}").behavior
        #expect(slow.scaleDown.select == .disabled)
        #expect((slow.scaleDown.tolerancePPM, slow.scaleUp.tolerancePPM) == (50_000, 0))
        #expect(slow.scaleDown.limits == Behavior.kubernetesDefault.scaleDown.limits)
        #expect(slow.scaleUp.limits == Behavior.kubernetesDefault.scaleUp.limits)
        #expect(try spec("mode: auto").behaviorGiven)
    }

    @Test func severalDocumentsAndJSONAreOnePath() throws {
        let first = "\(Sample.head)metadata: {name: a}\nspec: {scaleTargetRef: {kind: Process}}"
        let second =
            #"{"apiVersion":"greenroom.dev/v1","kind":"WorkerPoolAutoscaler","metadata":{"name":"b","namespace":"n"},"spec":{"scaleTargetRef":{"kind":"Process"}}}"#
        #expect(try read("---\n\(first)\n---\n\(second)\n---\n# nothing here\n").map(\.pool) == ["default/a", "n/b"])
        #expect(problems("\(first)\n---\n\(first)").map(\.path) == ["metadata.name"])
        #expect(problems("").map(\.message).first?.contains("no policy") == true)
        #expect(problems("# only a comment\n---\n").count == 1)
    }

    @Test func anchorsAreReadWithinTheirLimit() throws {
        let text = """
            \(Sample.head)metadata: {name: &name a}
            spec: {scaleTargetRef: {kind: Process, name: *name}}
            """
        #expect(try read(text).first?.target.name == "a")
    }

    @Test func zonesAreResolvedForYearsAroundNowAndStayTheSameAllYear() throws {
        let text = "schedules: [{cron: \"0 8 * * *\", timezone: Europe/Zurich, durationSeconds: 60, minReplicaCount: 1}]"
        let schedule = try #require(try spec(text).schedules.first)
        #expect(schedule.offsets.first == ZoneOffset(from: .earliestWritable, secondsEastOfUTC: 3_600))
        #expect(schedule.offsets.contains(ZoneOffset(from: try time("2026-03-29T01:00:00Z"), secondsEastOfUTC: 7_200)))
        #expect(schedule.offsets.contains(ZoneOffset(from: try time("2024-03-31T01:00:00Z"), secondsEastOfUTC: 7_200)))
        #expect(schedule.offsets.last == ZoneOffset(from: try time("2036-10-26T01:00:00Z"), secondsEastOfUTC: 3_600))
        #expect(schedule.offsets.count == 1 + 13 * 2)
        #expect(try spec(text, now: time("2026-12-31T23:00:00Z")) == spec(text, now: time("2026-01-01T00:00:00Z")))
        #expect(
            try spec(text.replacing("Europe/Zurich", with: "Asia/Tokyo")).schedules.first?.offsets == [
                ZoneOffset(from: .earliestWritable, secondsEastOfUTC: 32_400)
            ])
    }

    @Test(arguments: [
        "UTC", "GMT", "Etc/UTC", "Etc/GMT+5", "Asia/Kolkata", "US/Pacific", "America/Argentina/Buenos_Aires", "Africa/Casablanca",
    ])
    func zonesOfTheDatabaseAreKnown(_ name: String) throws {
        let offsets = try #require(TimeZoneOffsets.offsets(of: name, around: Sample.now))
        #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0.from < $1.from && $0.secondsEastOfUTC != $1.secondsEastOfUTC })
    }

    @Test(arguments: ["PST", "GMT+2", "europe/zurich", "Europe/", "/etc/localtime", "../x", "", "Europe/Zürich"])
    func otherNamesAreNot(_ name: String) {
        #expect(TimeZoneOffsets.offsets(of: name, around: Sample.now) == nil)
    }

    @Test func bytesMustBeUTF8() {
        #expect(throws: PolicyError.self) { try PolicyReader.policies(from: [0x61, 0xFF], source: "x", now: Sample.now) }
    }

    @Test func errorsPrintAsCompilersPrintThem() {
        let error = PolicyError(
            source: "pools.yaml", problems: [PolicyProblem(document: 1, line: 12, column: 5, path: "spec.mode", message: "must be auto")])
        #expect(error.description == "pools.yaml:12:5: spec.mode: must be auto")
    }
}
