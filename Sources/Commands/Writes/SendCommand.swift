import ArgumentParser
import Basics
import Domain
import Foundation
import Inspection
import Output

// How is one event told by hand?
//
// A CloudEvent made of words. It is checked here by the same reader as in the service, so that `--dry-run` says what the service would
// say; values become numbers, booleans or texts by what the kind's field asks for.

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send one event to a running service.",
        discussion: """
            Examples:
              greenroom send actor.requested agent-7 pool=kagent/default
              greenroom send actor.requested agent-7 pool=kagent/default priority=5
              greenroom send worker.gone box-3 reason=lost
              greenroom send queue.observed kagent/default pool=kagent/default \\
                metric=pending value=12
              greenroom send actor.created a1 pool=ns/p template=t labels.tier=gold
              greenroom send actor.idle agent-7 --dry-run
            The event's id is new each time, unless --id names one: with the same
            source and id a second event is a duplicate and changes nothing.
            Needs a token with the role ingest, where the service has tokens.
            """)

    @Argument(help: "The event's kind, for instance actor.requested.")
    var kind: String

    @Argument(help: "What it is about: an actor, a worker or a pool, as NAME or NS/NAME.")
    var subject: String

    @Argument(help: ArgumentHelp("Its data, for instance pool=kagent/default.", valueName: "key=value"))
    var data: [String] = []

    @Option(name: .long, help: "The event's source (default: /greenroom/send).")
    var source = "/greenroom/send"

    @Option(name: .long, help: "The event's id (default: a new one).")
    var id: String?

    @Flag(name: .long, help: "Only check the event and print it.")
    var dryRun = false

    @OptionGroup var server: ServerOptions

    func validate() throws { _ = try eventKind() }

    func run() async throws {
        let event = try event(id: id ?? UUID().uuidString.lowercased())
        for line in try strangeFields() { Terminal.writeError("greenroom: \(line)") }
        if dryRun { return Terminal.writeLine(event) }
        Terminal.writeLine(try await ServiceWriter.with(server, "send", .ingest) { try await send(event, $0) })
    }

    /// The event as JSON, which the service's own reader accepts.
    func event(id: String) throws -> String {
        let kind = try eventKind()
        var json = JSONWriter()
        json.openObject()
        json.member("specversion", "1.0")
        json.member("type", EventKind.typePrefix + kind.name)
        json.member("source", source)
        json.member("id", id)
        json.member("subject", subject)
        json.key("data")
        try object(kind).write(to: &json)
        json.closeObject()
        try Self.check(json.bytes)
        return json.text
    }

    func send(_ event: String, _ writer: ServiceWriter) async throws -> String {
        let request = APIRequest(
            method: .post, path: "/v1/events", contentType: "application/cloudevents+json", body: Array(event.utf8))
        guard let response = try await writer.send(request, about: "event \(kind)"), let seq = response["firstSeq"].integer else {
            throw Fault(.unreachable, "\(writer.api.url) answered without a position", do: "check that --server names a Greenroom service")
        }
        for warning in response["warnings"].array {
            Terminal.writeError("greenroom: \(DisplayText.printable(warning["detail"].string ?? warning.compact))")
        }
        let isDuplicate = response["duplicates"].integer ?? 0 > 0
        return isDuplicate
            ? "the log has an event of this source and id already, at seq \(seq): nothing was added" : "logged at seq \(seq)"
    }

    /// What is in the log afterwards and changes nothing: who types a field by hand meant it to.
    func strangeFields() throws -> [String] {
        let kind = try eventKind()
        let known = kind.shape.fields.map(\.name)
        return try object(kind).fields.map(\.key).filter { !known.contains($0) }.map { key in
            "\(DisplayText.printable(key)) is no field of \(kind.name) and changes nothing\(NearestName.hint(for: key, in: known))"
        }
    }

    // MARK: - Parts

    private func eventKind() throws -> EventKind {
        let name = EventKind.bareName(kind)
        let known = EventKind.allCases.filter { !$0.isOurs }.map(\.name)
        guard let found = EventKind(name: name) else {
            throw ValidationError("unknown kind \(kind)\(NearestName.hint(for: name, in: known))")
        }
        guard !found.isOurs else {
            throw ValidationError("\(name) is written by Greenroom alone; to be sent are \(known.joined(separator: ", "))")
        }
        return found
    }

    private func object(_ kind: EventKind) throws -> JSONValue {
        var object = JSONValue.object([])
        for text in data {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw Fault(.usage, "\(text) is no data", do: "write KEY=VALUE, for instance pool=kagent/default")
            }
            let path = text[..<equals].split(separator: ".", maxSplits: 1).map(String.init)
            let value = String(text[text.index(after: equals)...])
            guard let key = path.first else { throw Fault(.usage, "\(text) has no key", do: "write KEY=VALUE") }
            if path.count == 2 {
                guard object[key].isNull || object[key].isObject else {
                    throw Fault(.usage, "\(key) is given twice", do: "give it as \(key)=VALUE, or its members as \(key).NAME=VALUE")
                }
                object = object.setting(key, (object[key].isObject ? object[key] : .object([])).setting(path[1], .string(value)))
            } else {
                guard object[key].isNull else { throw Fault(.usage, "\(key) is given twice", do: "give it once") }
                object = object.setting(key, Self.value(value, kind.shape.fields.first { $0.name == key }?.type))
            }
        }
        return object
    }

    /// What the field asks for; a field that the kind doesn't have is what it looks like.
    private static func value(_ text: String, _ type: EventKind.FieldType?) -> JSONValue {
        let asJSON = try? JSONValue(parsing: text)
        switch type {
        case .name, .text, .time: return .string(text)
        case .count, .integer, .number, .numberOrNull, .object, .stringMap, .array, .bool, nil: return asJSON ?? .string(text)
        }
    }

    private static func check(_ bytes: [UInt8]) throws {
        let fault = bytes.withUnsafeBufferPointer { buffer -> EventFault? in
            var reader = CloudEventReader()
            do throws(EventFault) { try reader.readEvent(buffer) } catch { return error }
            return nil
        }
        if let fault { throw Fault(.no, (fault.field.map { "\($0): " } ?? "") + fault.problem) }
    }
}
