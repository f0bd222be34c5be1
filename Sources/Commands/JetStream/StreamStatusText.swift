import Domain
import Foundation
import JetStreamLog
import Output

// How is a stream's state told to people, and to scripts?

struct StreamStatusText {
    private let survey: StreamSurvey
    private let now: LogTime

    init(_ survey: StreamSurvey, now: LogTime) { (self.survey, self.now) = (survey, now) }

    private var last: UInt64 { survey.info.state.lastSequence }

    /// What can't be known, always said: silence would be taken for "all is well".
    static let unknown = [
        "A server's copy is compared at one message, and not read whole: `log verify --against` reads all of it, from the leader.",
        "What a server has synced to its disk isn't known; its sync_interval decides that.",
    ]

    var difference: String {
        let names = survey.differing.map(\.name).joined(separator: ", ")
        return
            "\(names) holds another message \(survey.comparedAt ?? 0) than the leader: stop the instances, and compare their files with `log verify --against`"
    }

    // MARK: - For people

    func text(isWide: Bool) -> String {
        let info = survey.info
        let replicas = info.configuration.replicas ?? 1
        var text =
            "stream \(info.configuration.name): messages \(number(info.state.firstSequence)) to \(number(last)), \(number(info.state.bytes)) bytes, \(replicas == 1 ? "1 replica" : "\(replicas) replicas"), made \(info.created)\n"
        text += survey.leader.map { "leader: \($0)\n" } ?? (info.cluster == nil || survey.servers.count == 1 ? "" : "no leader\n")
        text += "\n" + servers(isWide).text
        text += "\n" + (survey.instances.isEmpty ? "No instance has noted its position.\n" : instances(isWide).text)
        text += "\n" + (survey.snapshots.isEmpty ? "No snapshots.\n" : snapshots().text)
        text += "\n" + Self.unknown.joined(separator: "\n") + "\n"
        return text
    }

    private func number(_ value: UInt64) -> String { Grouped.text(Int64(clamping: value)) }

    private func servers(_ isWide: Bool) -> Table {
        var table = Table(["SERVER", "ROLE", "#FIRST", "#LAST", "SAME"] + (isWide ? ["ADDRESS", "VERSION", "#LAG"] : []) + ["NOTE"])
        for server in survey.servers {
            var cells = [
                server.name, server.role == .none ? "no copy" : server.role.rawValue, server.first.map(number) ?? "?",
                server.last.map(number) ?? "?", server.isSame.map { $0 ? "yes" : "NO" } ?? "?",
            ]
            if isWide { cells += [server.address ?? "?", server.version ?? "?", server.lagByLeader.map(number) ?? "-"] }
            table.add(cells + [server.problem ?? ""])
        }
        return table
    }

    private func instances(_ isWide: Bool) -> Table {
        var table = Table(["INSTANCE", "ROLE", "#POSITION", "#MESSAGE", "#BEHIND", "SEEN"] + (isWide ? ["VERSION"] : []) + ["NOTE"])
        for note in survey.instances {
            let age = age(note)
            var problem = note.problem ?? ""
            if problem.isEmpty, age > InstanceNotes.freshSeconds { problem = "it doesn't run, or can't reach the servers" }
            table.add(
                [
                    note.instance, age > InstanceNotes.freshSeconds ? "gone" : note.role.rawValue, Grouped.text(note.position),
                    number(note.sequence), number(behind(note)), DurationText.age(age) + " ago",
                ] + (isWide ? [note.version] : []) + [problem])
        }
        return table
    }

    private func snapshots() -> Table {
        var table = Table("SNAPSHOT", "#POSITION", "#MESSAGE", "#BYTES", "WRITTEN")
        for snapshot in survey.snapshots {
            table.add(snapshot.name, Grouped.text(snapshot.position), number(snapshot.sequence), number(snapshot.bytes), snapshot.written)
        }
        return table
    }

    private func age(_ note: InstanceNote) -> Double {
        guard let at = note.at else { return .infinity }
        return max(0, Double(now.microseconds(since: at)) / 1e6)
    }

    /// Messages that came since. A note is some seconds old, so it counts those too.
    private func behind(_ note: InstanceNote) -> UInt64 { last > note.sequence ? last - note.sequence : 0 }

    // MARK: - For scripts

    var json: JSONValue {
        let info = survey.info
        return .object(
            [
                .init(
                    key: "stream",
                    value: .object(
                        [
                            .init(key: "name", value: .string(info.configuration.name)),
                            .init(key: "created", value: .string(info.created)),
                            .init(key: "replicas", value: .number(String(info.configuration.replicas ?? 1))),
                            .init(key: "firstSequence", value: .number(String(info.state.firstSequence))),
                            .init(key: "lastSequence", value: .number(String(last))),
                            .init(key: "messages", value: .number(String(info.state.messages))),
                            .init(key: "bytes", value: .number(String(info.state.bytes))),
                        ] + member("leader", survey.leader))),
                .init(key: "same", value: .bool(survey.differing.isEmpty)),
                .init(key: "servers", value: .array(survey.servers.map(json))),
                .init(key: "instances", value: .array(survey.instances.map(json))),
                .init(key: "snapshots", value: .array(survey.snapshots.map(json))),
                .init(key: "unknown", value: .array(Self.unknown.map { .string($0) })),
            ] + member("comparedAt", survey.comparedAt))
    }

    private func member(_ key: String, _ text: String?) -> [JSONValue.Member] { text.map { [.init(key: key, value: .string($0))] } ?? [] }
    private func member(_ key: String, _ value: UInt64?) -> [JSONValue.Member] {
        value.map { [.init(key: key, value: .number(String($0)))] } ?? []
    }

    private func json(_ server: StreamSurvey.Server) -> JSONValue {
        .object(
            [.init(key: "name", value: .string(server.name)), .init(key: "role", value: .string(server.role.rawValue))]
                + member("address", server.address) + member("version", server.version) + member("firstSequence", server.first)
                + member("lastSequence", server.last) + (server.isSame.map { [.init(key: "same", value: .bool($0))] } ?? [])
                + member("lagByLeader", server.lagByLeader) + member("problem", server.problem))
    }

    private func json(_ note: InstanceNote) -> JSONValue {
        .object(
            [
                .init(key: "name", value: .string(note.instance)), .init(key: "role", value: .string(note.role.rawValue)),
                .init(key: "position", value: .number(String(note.position))),
                .init(key: "sequence", value: .number(String(note.sequence))),
                .init(key: "lagMessages", value: .number(String(behind(note)))), .init(key: "fence", value: .number(String(note.fence))),
                .init(key: "isFresh", value: .bool(age(note) <= InstanceNotes.freshSeconds)),
                .init(key: "version", value: .string(note.version)),
            ] + (note.at.map { [.init(key: "at", value: .string($0.rfc3339))] } ?? []) + member("problem", note.problem))
    }

    private func json(_ snapshot: LogSnapshot) -> JSONValue {
        .object([
            .init(key: "name", value: .string(snapshot.name)), .init(key: "position", value: .number(String(snapshot.position))),
            .init(key: "sequence", value: .number(String(snapshot.sequence))), .init(key: "bytes", value: .number(String(snapshot.bytes))),
            .init(key: "written", value: .string(snapshot.written)), .init(key: "lastHash", value: .string(snapshot.link)),
        ])
    }
}
