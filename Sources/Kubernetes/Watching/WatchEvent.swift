import Domain

// What does one line of a watch say?

enum WatchEvent: Sendable {
    case added(KubernetesObject)
    case modified(KubernetesObject)
    case deleted(KubernetesObject)
    /// Nothing changed up to here.
    case bookmark(resourceVersion: String)
    case error(KubernetesError.Status)

    init(line: [UInt8]) throws(JSONFault) {
        let json = try JSONValue(parsing: line)
        let object = KubernetesObject(json["object"])
        switch json["type"].string {
        case "ADDED": self = .added(object)
        case "MODIFIED": self = .modified(object)
        case "DELETED": self = .deleted(object)
        case "BOOKMARK": self = .bookmark(resourceVersion: object.resourceVersion)
        case "ERROR": self = .error(KubernetesError.Status(object.json))
        default: throw JSONFault(offset: 0, problem: "a watch event of type \(json["type"].string ?? "none")")
        }
    }
}

/// Cuts a stream of bytes into lines. A line is never longer than the limit.
struct LineSplitter: Sendable {
    struct TooLong: Error {}

    private let limitBytes: Int
    private var pending: [UInt8] = []

    init(limitBytes: Int) { self.limitBytes = limitBytes }

    /// Lines that `bytes` completes; empty ones are left out.
    mutating func take(_ bytes: some Collection<UInt8>) throws(TooLong) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = pending + rest[..<end]
            guard line.count <= limitBytes else { throw TooLong() }
            if !line.isEmpty { lines.append(line) }
            pending = []
            rest = rest[rest.index(after: end)...]
        }
        guard pending.count + rest.count <= limitBytes else { throw TooLong() }
        pending += rest
        return lines
    }
}
