import Domain
import Machine
import NATSClient
import NATSServers
import Testing
import TestSupport

@testable import JetStreamLog

/// What each server and each instance has, as a command shows it.
@Suite("The stream's status", .serialized)
struct StatusTests {
    @Test("one server, its instances and its snapshots", .timeLimit(.minutes(2)))
    func alone() async throws {
        try await withStream { server, client, settings in
            await #expect(throws: JetStreamError.noStream(settings.stream)) {
                try await StreamSurvey.take(settings, logger: quiet)
            }
            let folder = try Folder()
            let js = JetStream(client)
            let leader = try await Instance.open(folder.file("a"), "pod a.1", client, settings)
            try await leader.lead()
            try await leader.append(200)
            let before = try await StreamSurvey.take(settings, logger: quiet)
            #expect(before.instances.isEmpty && before.snapshots.isEmpty)

            let notes = try InstanceNotes(js, stream: settings.stream)
            try await notes.create(replicas: 1)
            #expect(await notes.put(try #require(InstanceNote(leader.log, instance: "pod a.1", version: "v"))))
            var stopped = try #require(InstanceNote(leader.log, instance: "b", version: "v"))
            (stopped.role, stopped.problem, stopped.position) = (.stopped, "it has diverged", 10)
            #expect(await notes.put(stopped))
            var snapshots = SnapshotSettings()
            snapshots.replicas = 1
            _ = try await SnapshotKeeper(leader.log, js, stream: settings.stream, settings: snapshots, logger: quiet).take()

            let survey = try await StreamSurvey.take(settings, logger: quiet)
            let last = survey.info.state.lastSequence
            #expect(survey.servers.map(\.name) == [server.name])
            #expect(survey.servers.first?.role == .leader && survey.servers.first?.isSame == true)
            #expect(survey.servers.first?.first == 1 && survey.servers.first?.last == last && survey.comparedAt == last)
            #expect(survey.instances.map(\.instance) == ["b", "pod a.1"])
            #expect(survey.instances.last?.role == .leader && survey.instances.last?.sequence == last)
            #expect(survey.instances.allSatisfy { $0.at != nil } && survey.instances.first?.problem == "it has diverged")
            #expect(survey.snapshots.map(\.position) == [200])
            try await leader.close()
        }
    }

    @Test("each of three servers says what it has itself, and one that is down is named", .timeLimit(.minutes(2)))
    func cluster() async throws {
        guard let program = await NATSProgram.current() else { return }
        let cluster = try NATSCluster(program)
        defer { cluster.remove() }
        try await cluster.start()
        var settings = JetStreamLogSettings(servers: try cluster.servers.map { try NATSAddress($0.address) })
        settings.replicas = 3
        let chosen = settings
        try await withClient(chosen) { client in
            try await eventually("a cluster with a leader", within: .seconds(30)) {
                (try? await JetStream(client).createStream(chosen.wanted)) != nil
            }
            let folder = try Folder()
            let leader = try await Instance.open(folder.file("a"), "a", client, chosen)
            try await leader.lead()
            try await leader.append(300)
            let last = leader.log.replicaStatus?.sequence
            // A copy that isn't the leader's may be some messages behind for a moment.
            try await eventually("three copies with the same end", within: .seconds(20)) {
                let survey = try await StreamSurvey.take(chosen, logger: quiet)
                return survey.servers.count == 3 && survey.servers.allSatisfy { $0.last == last && $0.first == 1 && $0.isSame == true }
            }
            let led = try await StreamSurvey.take(chosen, logger: quiet).leader
            let follower = try #require(cluster.servers.first { $0.name != led })
            follower.kill()
            try await eventually("the one that is down is named", within: .seconds(30)) {
                guard let survey = try? await StreamSurvey.take(chosen, logger: quiet) else { return false }
                return survey.servers.contains { $0.problem != nil && $0.last == nil }
                    && survey.servers.filter { $0.isSame == true }.count == 2
            }
            try await leader.close()
        }
    }
}
