import Domain

// The kinds of events, as OpenAPI has them: a schema of each, and one of its data, made of the kinds' own table.
//
// `CloudEvent` is one of those that producers send, told apart by `type`. Kinds that Greenroom alone writes have schemas too, for
// readers of the log; `x-writer` marks them. `scripts/events-doc.py` makes docs/events.md of this.

extension OpenAPIDocument {
    static let kinds: String = {
        let produced = EventKind.allCases.filter { !$0.isOurs }
        let choices = produced.map { "{\"$ref\":\"\(reference($0))\"}" }.joined(separator: ",")
        let mapping = produced.map { "\"\(typeName($0))\":\"\(reference($0))\"" }.joined(separator: ",")
        let types = EventKind.allCases.map { "\"\(typeName($0))\"" }.joined(separator: ",")
        let each = EventKind.allCases.map { describe($0) }.joined(separator: ",\n")
        return """
            "CloudEvent":{"description":"An event of a kind that producers send. data_base64 may stand for data: its JSON in Base64. Further attributes are \
            kept and returned; sequence rises with each event of its source, in the order of its text",
            "oneOf":[\(choices)],
            "discriminator":{"propertyName":"type","mapping":{\(mapping)}}},
            "LoggedEvent":{"type":"object","required":["seq","at","specversion","type","source","subject","id"],"properties":{
            "seq":{"type":"integer"},"at":{"type":"string","format":"date-time","description":"Log time"},"specversion":{"const":"1.0"},
            "type":{"enum":[\(types)]},"source":{"type":"string"},"subject":{"type":"string"},"id":{"type":"string"},
            "time":{"type":"string","format":"date-time","description":"As its producer wrote it"},
            "data":{"type":"object","description":"The kind's fields"},"superseded":{"type":"boolean","description":"It changed nothing"},
            "namespace":{"type":"string","description":"Of an actor or a worker: its namespace, within which subject and data.worker are names"},
            "ambiguous":{"type":"boolean","description":"Its name fits several actors or workers: it changes nothing"}}},
            \(each)
            """
    }()

    private static func describe(_ kind: EventKind) -> String {
        let notes = kind.notes
        let needed = kind.shape.fields.filter { $0.isRequired }.map { $0.name }
        var required = ["specversion", "type", "source", "id"]
        // An event about a pool may leave its subject to `data.pool`.
        if kind.subject != .pool { required.append("subject") }
        if !needed.isEmpty { required.append("data") }
        let writer = kind.isOurs ? "\"x-writer\":\"greenroom\"," : ""
        let source = kind.isOurs ? "/greenroom" : "/me"
        let fields =
            zip(notes.fields, kind.shape.fields).map { property($0, $1.type, upTo: $1.most) }
            + notes.more.map { property($0.note, $0.type, upTo: .max) }
        return """
            "\(name(kind))":{"type":"object","description":"\(notes.when). \(notes.effect).",
            "x-kind":"\(kind.name)","x-subject":"\(kind.subject)","x-effect":"\(notes.effect)",\(writer)
            "required":[\(list(required))],"properties":{
            "specversion":{"const":"1.0"},"type":{"const":"\(typeName(kind))"},
            "source":{"type":"string","minLength":1,"maxLength":\(EventLimits.nameBytes)},
            "id":{"type":"string","minLength":1,"maxLength":\(EventLimits.idBytes),"description":"A repeat of source and id is the same event"},
            "subject":{"type":"string","minLength":1,"maxLength":\(EventLimits.nameBytes),"description":"\(about(kind))"},
            "time":{"type":"string","format":"date-time"},
            "datacontenttype":{"type":"string","description":"application/json, text/json or a type that ends in +json; a charset is UTF-8"},
            "data":{"$ref":"\(reference(kind))Data"}},
            "examples":[{"specversion":"1.0","type":"\(typeName(kind))","source":"\(source)","id":"1","subject":"\(notes.subject)","data":\(notes.example)}]},
            "\(name(kind))Data":{"type":"object","description":"Further fields are kept and returned",
            \(needed.isEmpty ? "" : "\"required\":[\(list(needed))],")"properties":{\(fields.joined(separator: ","))},
            "examples":[\(notes.example)]}
            """
    }

    /// `ActorRequested` of `actor.requested`.
    private static func name(_ kind: EventKind) -> String {
        kind.name.split(separator: ".").map { String($0.prefix(1)).uppercased() + String($0.dropFirst()) }.joined()
    }

    private static func typeName(_ kind: EventKind) -> String { EventKind.typePrefix + kind.name }

    private static func reference(_ kind: EventKind) -> String { "#/components/schemas/\(name(kind))" }

    private static func list(_ names: [String]) -> String { names.map { "\"\($0)\"" }.joined(separator: ",") }

    private static func about(_ kind: EventKind) -> String {
        switch kind.subject {
        case .actor, .worker: "Its name within its pool's namespace, or NAMESPACE/NAME"
        case .pool: "NAMESPACE/NAME; where it is left out, data.pool"
        case .node: "The node's name"
        case .holder: "The actor, or where data.template is, the template"
        case .service: "The service itself"
        }
    }

    private static func property(_ note: EventKind.FieldNote, _ type: EventKind.FieldType, upTo most: Int64) -> String {
        let bound = type == .count && most != .max ? ",\"maximum\":\(most)" : ""
        let unit = note.unit.isEmpty ? "" : ",\"x-unit\":\"\(note.unit)\""
        return "\"\(note.name)\":{\(schema(type))\(bound)\(unit),\"description\":\"\(note.text)\"}"
    }

    private static func schema(_ type: EventKind.FieldType) -> String {
        switch type {
        case .name: "\"type\":\"string\",\"minLength\":1,\"maxLength\":\(EventLimits.nameBytes)"
        case .text: "\"type\":\"string\""
        case .count: "\"type\":\"integer\",\"minimum\":0"
        case .integer: "\"type\":\"integer\""
        case .number: "\"type\":\"number\""
        case .numberOrNull: "\"type\":[\"number\",\"null\"]"
        case .time: "\"type\":\"string\",\"format\":\"date-time\""
        case .object: "\"type\":\"object\""
        case .stringMap: "\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}"
        case .array: "\"type\":\"array\",\"items\":{}"
        case .bool: "\"type\":\"boolean\""
        }
    }
}
