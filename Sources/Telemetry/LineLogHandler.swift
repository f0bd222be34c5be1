package import Logging
import Domain

// How does an entry become one line?
//
// Whatever a message or a value holds, the entry is one line of bounded length. Control characters are escaped. A text that is too
// long is cut, and says so. Values under keys that name a secret are not written. Keys come in their order.

package struct LineLogHandler: LogHandler {
    /// Bytes of a message, and of a value; the rest is left out.
    static let textBytesLimit = 8_192
    static let metadataLimit = 64
    static let depthLimit = 4

    private let label: String
    private let configuration: LogConfiguration
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    package init(label: String, configuration: LogConfiguration, metadataProvider: Logger.MetadataProvider? = nil) {
        self.label = label
        self.configuration = configuration
        self.metadataProvider = metadataProvider
        logLevel = configuration.level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let entry = Entry(
            time: configuration.now(), level: event.level, label: label, message: Self.bounded("\(event.message)"), members: members(event))
        switch configuration.format {
        case .text: configuration.write(Self.text(entry))
        case .json: configuration.write(Self.json(entry))
        }
    }

    // MARK: - Gathering

    struct Entry {
        var time: LogTime
        var level: Logger.Level
        var label: String
        var message: String
        var members: [(key: String, value: Value)]
    }

    /// Metadata with secrets taken out and everything bounded.
    indirect enum Value {
        case text(String)
        case object([(key: String, value: Value)])
        case list([Value])
    }

    private func members(_ event: LogEvent) -> [(key: String, value: Value)] {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { _, own in own }
        if let given = event.metadata { all.merge(given) { _, latest in latest } }
        if let error = event.error, all["error"] == nil { all["error"] = "\(error)" }
        return Self.object(all, depth: 0)
    }

    private static func object(_ metadata: Logger.Metadata, depth: Int) -> [(key: String, value: Value)] {
        metadata.sorted { $0.key < $1.key }.prefix(metadataLimit).map { key, value in
            (bounded(key), Redaction.namesSecret(key) ? .text(Redaction.placeholder) : self.value(value, depth: depth))
        }
    }

    private static func value(_ value: Logger.MetadataValue, depth: Int) -> Value {
        switch value {
        case .string(let text): .text(bounded(text))
        case .stringConvertible(let thing): .text(bounded("\(thing)"))
        case _ where depth >= depthLimit: .text("…")
        case .dictionary(let members): .object(object(members, depth: depth + 1))
        case .array(let elements): .list(elements.prefix(metadataLimit).map { self.value($0, depth: depth + 1) })
        }
    }

    private static func bounded(_ text: String) -> String {
        guard text.utf8.count > textBytesLimit else { return text }
        // A character that is cut in half is replaced when the bytes are read as text again.
        return String(decoding: text.utf8.prefix(textBytesLimit), as: UTF8.self) + "… (\(text.utf8.count - textBytesLimit) more bytes)"
    }

    // MARK: - JSON

    private static func json(_ entry: Entry) -> [UInt8] {
        var json = JSONWriter()
        json.openObject()
        json.member("time", entry.time)
        json.member("level", entry.level.rawValue)
        json.member("label", entry.label)
        json.member("message", entry.message)
        if !entry.members.isEmpty {
            json.key("metadata")
            write(.object(entry.members), &json)
        }
        json.closeObject()
        return json.bytes + [UInt8(ascii: "\n")]
    }

    private static func write(_ value: Value, _ json: inout JSONWriter) {
        switch value {
        case .text(let text): json.string(text)
        case .object(let members):
            json.openObject()
            for member in members {
                json.key(member.key)
                write(member.value, &json)
            }
            json.closeObject()
        case .list(let elements):
            json.openArray()
            for element in elements { write(element, &json) }
            json.closeArray()
        }
    }

    // MARK: - Text

    private static func text(_ entry: Entry) -> [UInt8] {
        var bytes: [UInt8] = []
        entry.time.appendRFC3339(to: &bytes)
        bytes.append(contentsOf: " \(entry.level.rawValue) \(entry.label): ".utf8)
        appendOneLine(entry.message, to: &bytes)
        for member in entry.members {
            bytes.append(UInt8(ascii: " "))
            appendWord(member.key, to: &bytes)
            bytes.append(UInt8(ascii: "="))
            switch member.value {
            case .text(let text): appendWord(text, to: &bytes)
            case .object, .list:
                var json = JSONWriter()
                write(member.value, &json)
                bytes.append(contentsOf: json.bytes)
            }
        }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// As it is where it is one plain word, else in quotes.
    private static func appendWord(_ text: String, to bytes: inout [UInt8]) {
        let isPlain =
            !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") && $0 != 0x7F }
        if !isPlain { bytes.append(UInt8(ascii: "\"")) }
        if isPlain { bytes.append(contentsOf: text.utf8) } else { JSONText.appendEscaped(text.utf8, to: &bytes) }
        if !isPlain { bytes.append(UInt8(ascii: "\"")) }
    }

    /// Line ends and other control characters as JSON would escape them; quotes and backslashes stay.
    private static func appendOneLine(_ text: String, to bytes: inout [UInt8]) {
        for byte in text.utf8 {
            if byte < 0x20 { JSONText.appendEscaped([byte], to: &bytes) } else { bytes.append(byte) }
        }
    }
}
