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
        var text = "stream \(info.configuration.name): messages \(number(info.state.firstSequence)) to \(number(last))"
        text +=
            ", \(number(info.state.bytes)) bytes, " + (replicas == 1 ? "1 replica" : "\(replicas) replicas") + ", made \(info.created)\n"
        if let leader = survey.leader { text += "leader: \(leader)\n" }
        let parts: [String] = [
            servers(isWide).text, survey.instances.isEmpty ? "No instance has noted its position.\n" : instances(isWide).text,
            survey.snapshots.isEmpty ? "No snapshots.\n" : snapshots().text, Self.unknown.joined(separator: "\n") + "\n",
        ]
        for part in parts { text += "\n" + part }
        return text
    }

    private func number(_ value: UInt64) -> String { Grouped.text(Int64(clamping: value)) }

    private func servers(_ isWide: Bool) -> Table {
        var titles: [String] = ["SERVER", "ROLE", "#FIRST", "#LAST", "SAME"]
        if isWide { titles += ["ADDRESS", "VERSION", "#LAG"] }
        var table = Table(titles + ["NOTE"])
        for server in survey.servers {
            var cells: [String] = [server.name]
            cells.append(server.role == .none ? "no copy" : server.role.rawValue)
            cells.append(known(server.first))
            cells.append(known(server.last))
            cells.append(server.isSame == nil ? "?" : server.isSame == true ? "yes" : "NO")
            if isWide { cells += [server.address ?? "?", server.version ?? "?", known(server.lagByLeader)] }
            cells.append(server.problem ?? "")
            table.add(cells)
        }
        return table
    }

    private func known(_ value: UInt64?) -> String { value.map { number($0) } ?? "?" }

    private func instances(_ isWide: Bool) -> Table {
        var titles: [String] = ["INSTANCE", "ROLE", "#POSITION", "#MESSAGE", "#BEHIND", "SEEN"]
        if isWide { titles.append("VERSION") }
        var table = Table(titles + ["NOTE"])
        for note in survey.instances {
            let age = age(note)
            let isGone = age > InstanceNotes.freshSeconds
            var cells: [String] = [note.instance]
            cells.append(isGone ? "gone" : note.role.rawValue)
            cells.append(Grouped.text(note.position))
            cells.append(number(note.sequence))
            cells.append(number(behind(note)))
            cells.append(DurationText.age(age) + " ago")
            if isWide { cells.append(note.version) }
            cells.append(note.problem ?? (isGone ? "it doesn't run, or can't reach the servers" : ""))
            table.add(cells)
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
        guard let at = note.at else { return Self.longAgo }
        return max(0, Double(now.microseconds(since: at)) / 1e6)
    }

    private static let longAgo = 1e9

    /// Messages that came since. A note is some seconds old, so it counts those too.
    private func behind(_ note: InstanceNote) -> UInt64 { last > note.sequence ? last - note.sequence : 0 }

    // MARK: - For scripts

    /// Members that aren't there where nothing is known.
    private struct Members {
        var all: [JSONValue.Member] = []
        mutating func add(_ key: String, _ value: JSONValue) { all.append(JSONValue.Member(key: key, value: value)) }
        mutating func add(_ key: String, _ text: String?) { if let text { add(key, JSONValue.string(text)) } }
        mutating func add(_ key: String, _ number: UInt64?) { if let number { add(key, JSONValue.number(String(number))) } }
        mutating func add(_ key: String, _ number: Int64) { add(key, JSONValue.number(String(number))) }
        mutating func add(_ key: String, _ isSo: Bool?) { if let isSo { add(key, JSONValue.bool(isSo)) } }
    }

    var json: JSONValue {
        let info = survey.info
        var stream = Members()
        stream.add("name", info.configuration.name)
        stream.add("created", info.created)
        stream.add("replicas", Int64(info.configuration.replicas ?? 1))
        stream.add("firstSequence", info.state.firstSequence)
        stream.add("lastSequence", last)
        stream.add("messages", info.state.messages)
        stream.add("bytes", info.state.bytes)
        stream.add("leader", survey.leader)
        var members = Members()
        members.add("stream", JSONValue.object(stream.all))
        members.add("same", survey.differing.isEmpty)
        members.add("comparedAt", survey.comparedAt)
        members.add("servers", JSONValue.array(survey.servers.map { json($0) }))
        members.add("instances", JSONValue.array(survey.instances.map { json($0) }))
        members.add("snapshots", JSONValue.array(survey.snapshots.map { json($0) }))
        members.add("unknown", JSONValue.array(Self.unknown.map { JSONValue.string($0) }))
        return .object(members.all)
    }

    private func json(_ server: StreamSurvey.Server) -> JSONValue {
        var members = Members()
        members.add("name", server.name)
        members.add("role", server.role.rawValue)
        members.add("address", server.address)
        members.add("version", server.version)
        members.add("firstSequence", server.first)
        members.add("lastSequence", server.last)
        members.add("same", server.isSame)
        members.add("lagByLeader", server.lagByLeader)
        members.add("problem", server.problem)
        return .object(members.all)
    }

    private func json(_ note: InstanceNote) -> JSONValue {
        var members = Members()
        members.add("name", note.instance)
        members.add("role", note.role.rawValue)
        members.add("position", note.position)
        members.add("sequence", note.sequence)
        members.add("lagMessages", behind(note))
        members.add("fence", note.fence)
        members.add("isFresh", age(note) <= InstanceNotes.freshSeconds)
        members.add("version", note.version)
        members.add("at", note.at?.rfc3339)
        members.add("problem", note.problem)
        return .object(members.all)
    }

    private func json(_ snapshot: LogSnapshot) -> JSONValue {
        var members = Members()
        members.add("name", snapshot.name)
        members.add("position", snapshot.position)
        members.add("sequence", snapshot.sequence)
        members.add("bytes", snapshot.bytes)
        members.add("written", snapshot.written)
        members.add("lastHash", snapshot.link)
        return .object(members.all)
    }
}
