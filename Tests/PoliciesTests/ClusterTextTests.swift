import Autoscaling
import Testing

@testable import Policies

// Texts as editors and `kubectl get -o yaml` write them.

@Suite struct ClusterTextTests {
    private static let printed = """
        apiVersion: greenroom.dev/v1
        kind: WorkerPoolAutoscaler
        metadata:
          annotations:
            kubectl.kubernetes.io/last-applied-configuration: |
              {"apiVersion":"greenroom.dev/v1","kind":"WorkerPoolAutoscaler"}
          creationTimestamp: "2026-11-21T08:00:00Z"
          deletionGracePeriodSeconds: 0
          deletionTimestamp: "2026-11-21T09:00:00Z"
          finalizers: [example.com/keep]
          generateName: a-
          generation: 3
          labels: {app: a}
          managedFields:
          - apiVersion: greenroom.dev/v1
            fieldsType: FieldsV1
            fieldsV1: {"f:spec": {"f:triggers": {}}}
            manager: kubectl
            operation: Update
            time: "2026-11-21T08:00:00Z"
          name: a
          namespace: n
          ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: c, uid: x}]
          resourceVersion: "12345"
          selfLink: /apis/greenroom.dev/v1/namespaces/n/workerpoolautoscalers/a
          uid: 7c9e6679-7425-40de-944b-e07fc1f90ae7
        spec:
          scaleTargetRef: {kind: Process}
          maxReplicaCount: 7
        status:
          conditions: [{type: Ready, status: "True"}]
          desired: 3
        """

    @Test func whatAClusterAddsIsPassedOver() throws {
        let policy = try #require(try read(Self.printed).first)
        #expect(policy.pool == "n/a")
        #expect(policy.maxReplicaCount == 7)
    }

    @Test func aListIsItsItems() throws {
        let items = ["a", "b"].map { name in
            Self.printed.replacing("name: a\n", with: "name: \(name)\n").split(separator: "\n").enumerated().map {
                $0 == 0 ? "- \($1)" : "  \($1)"
            }.joined(separator: "\n")
        }
        for kind in ["List", "WorkerPoolAutoscalerList"] {
            let list = "apiVersion: v1\nitems:\n\(items.joined(separator: "\n"))\nkind: \(kind)\nmetadata:\n  resourceVersion: \"\"\n"
            #expect(try read(list).map(\.pool) == ["n/a", "n/b"])
            let found = problems(list.replacing("maxReplicaCount: 7", with: "maxReplicaCount: 0"))
            #expect(found.map(\.path) == ["items[0].spec.maxReplicaCount", "items[1].spec.maxReplicaCount"])
        }
    }

    /// What isn't of a cluster is as unknown as before.
    @Test func otherMetadataIsRefused() {
        #expect(problems(Self.printed.replacing("selfLink:", with: "selfLnk:")).map(\.path) == ["metadata.selfLnk"])
    }

    @Test func aByteOrderMarkSaysNothing() throws {
        let mark = "\u{FEFF}"
        #expect(try read(mark + Sample.documented).count == 1)
        #expect(try read(mark + Sample.text("mode: auto") + "---\n" + mark + Sample.documented).count == 2)
        #expect(try read(mark + "---\r\n" + mark + Sample.documented.replacing("\n", with: "\r\n")).count == 1)
        let manifest = Manifest.scaledObject("")
        #expect(try convert(mark + manifest).policy == convert(manifest).policy)
        // Elsewhere it is a character of a text.
        #expect(problems(Sample.text("triggers: [{type: demand, name: \"a\(mark)b\"}]")).count == 1)
    }

    @Test func whatIsInFlightCanBeLeftOut() throws {
        let trigger = "type: nats-jetstream, monitoringEndpoint: \"http://n\", stream: s, consumer: c, threshold: 1"
        #expect(try spec("triggers: [{\(trigger)}]").triggers.first?.poll?.countsInFlight == true)
        let policy = try spec("triggers: [{\(trigger), inFlight: false}]")
        #expect(policy.triggers.first?.poll?.countsInFlight == false)
        #expect(try read(PolicyWriter.yaml(policy)) == [policy])
        #expect(
            problems(Sample.text("triggers: [{type: prometheus, serverAddress: \"http://p\", query: up, threshold: 1, inFlight: false}]"))
                .map(\.path) == ["spec.triggers[0].inFlight"])
    }

    @Test func anchorsAndDoublesAreSeenAsBefore() throws {
        #expect(try spec("buffer: &b {spare: 2}\nplacement: {spillTo: []}").buffer == .fixed(2))
        #expect(problems("kind: A\nkind: B\n").first?.message.contains("twice") == true)
    }
}
