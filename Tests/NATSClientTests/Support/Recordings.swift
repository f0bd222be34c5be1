import Foundation
import NIOCore
import Testing

@testable import NATSClient

// What real servers, 2.9.10 and 2.14.0, were recorded to say.
//
// `Fixtures/exchanges.json` has, for each scenario and version, lines `C: …` and `S: …` with backslash escapes. Lines that were cut for
// the recording are left out.

struct Recording: Sendable {
    enum Line: Sendable, Equatable {
        case client([UInt8])
        case server([UInt8])
    }

    var scenario: String
    var version: String
    var lines: [Line]

    var fromServer: [UInt8] { lines.flatMap { if case .server(let bytes) = $0 { bytes } else { [UInt8]() } } }

    static let all: [Recording] = {
        guard let url = Bundle.module.url(forResource: "exchanges", withExtension: "json", subdirectory: "Fixtures"),
            let data = try? Data(contentsOf: url),
            let wire = try? JSONDecoder().decode([String: [String: [String]]].self, from: data)
        else { return [] }
        return wire.sorted { $0.key < $1.key }.flatMap { scenario, versions in
            versions.sorted { $0.key < $1.key }.map { version, lines in
                Recording(
                    scenario: scenario, version: version,
                    lines: lines.map { $0.hasPrefix("S: ") ? .server(bytes($0.dropFirst(3))) : .client(bytes($0.dropFirst(3))) })
            }
        }
    }()

    static func named(_ start: String, _ version: String = "2.14.0") throws -> Recording {
        try #require(all.first { $0.scenario.hasPrefix(start) && $0.version.contains(version) }, "no recording is called \(start)")
    }

    /// Backslash escapes of Latin-1.
    static func bytes(_ text: some StringProtocol) -> [UInt8] {
        var out: [UInt8] = []
        var rest = text.unicodeScalars.makeIterator()
        while let scalar = rest.next() {
            guard scalar == "\\", let escaped = rest.next() else {
                out.append(UInt8(truncatingIfNeeded: scalar.value))
                continue
            }
            switch escaped {
            case "r": out.append(13)
            case "n": out.append(10)
            case "t": out.append(9)
            case "x":
                let digits = [rest.next(), rest.next()].compactMap { $0.map(Character.init) }
                out.append(UInt8(String(digits), radix: 16) ?? 0)
            default: out.append(UInt8(truncatingIfNeeded: escaped.value))
            }
        }
        return out
    }
}

/// All frames of these bytes, cut after so many bytes each time.
func frames(_ bytes: [UInt8], piece: Int, limits: NATSParser.Limits = NATSParser.Limits()) throws -> [NATSParser.Frame] {
    var parser = NATSParser(limits: limits)
    var found: [NATSParser.Frame] = []
    var start = 0
    while start < bytes.count {
        parser.append(ByteBuffer(bytes: bytes[start..<min(start + piece, bytes.count)]))
        while let frame = try parser.next() { found.append(frame) }
        start += piece
    }
    return found
}

func messages(_ bytes: [UInt8]) throws -> [NATSMessage] {
    try frames(bytes, piece: .max).compactMap { if case .message(let message) = $0 { message } else { nil } }
}
