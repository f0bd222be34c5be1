import Autoscaling
import Basics
import HTTPService
import Output
import Yams

// What does one mapping of the configuration say?
//
// Fields are taken by name; whatever is left at the end is a field nobody knows, and the error says which was meant.

struct ConfigurationSection {
    private let file: String
    private let path: String
    private var nodes: [String: Node] = [:]
    private var known: [String] = []

    init(yaml text: String, file: String) throws {
        self.file = file
        path = ""
        let root: Node?
        do {
            // An editor's byte order mark says nothing.
            root = try Yams.compose(yaml: String(String.UnicodeScalarView(text.unicodeScalars.drop { $0 == "\u{FEFF}" })))
        } catch {
            throw Fault(.usage, "\(file) is not YAML: \(error)", do: "correct it at the place named")
        }
        guard let root, root.mapping?.isEmpty != true, root.scalar?.string != "" else { return }
        guard let mapping = root.mapping else {
            throw Fault(.usage, "\(file) must be a mapping of fields", do: "write `field: value` lines")
        }
        try fill(mapping)
    }

    private init(_ mapping: Node.Mapping, file: String, path: String) throws {
        self.file = file
        self.path = path
        try fill(mapping)
    }

    private mutating func fill(_ mapping: Node.Mapping) throws {
        for (key, value) in mapping {
            guard let name = key.string else { throw Fault(.usage, "\(file): a field's name must be a word") }
            nodes[name] = value
        }
    }

    /// Of fields that nobody took yet, in order: for a mapping whose keys are names.
    var names: [String] { nodes.keys.sorted() }

    mutating func string(_ name: String) throws -> String? {
        guard let node = take(name) else { return nil }
        guard let text = node.string else { throw fault(name, "must be a text") }
        return text
    }

    mutating func required(_ name: String) throws -> String {
        guard let text = try string(name) else { throw fault(name, "is missing") }
        return text
    }

    /// No count, size or time of a configuration is larger: whoever computes with one has room.
    private static let countMost = Int(Int32.max)
    private static let bytesMost = 1 << 53
    private static let numberMost = 1e9

    mutating func integer(_ name: String) throws -> Int? {
        guard let node = take(name) else { return nil }
        // Memory of the whole process may be more than one size on the wire.
        let most = ["Memory", "Awaiting", "InFlight"].contains(where: name.contains) ? Self.bytesMost : Self.countMost
        guard let value = node.int, (0...most).contains(value) else { throw fault(name, "must be a whole number from 0 to \(most)") }
        return value
    }

    mutating func number(_ name: String) throws -> Double? {
        guard let node = take(name) else { return nil }
        guard let value = node.float, (0...Self.numberMost).contains(value) else {
            throw fault(name, "must be a number from 0 to \(Int(Self.numberMost))")
        }
        return value
    }

    mutating func bool(_ name: String) throws -> Bool? {
        guard let node = take(name) else { return nil }
        guard let value = node.bool else { throw fault(name, "must be true or false") }
        return value
    }

    mutating func strings(_ name: String) throws -> [String] {
        guard let node = take(name) else { return [] }
        if let one = node.string { return [one] }
        guard let list = node.sequence else { throw fault(name, "must be a list of texts") }
        return try list.map { element in
            guard let text = element.string else { throw fault(name, "must be a list of texts") }
            return text
        }
    }

    mutating func section(_ name: String) throws -> ConfigurationSection? {
        guard let node = take(name) else { return nil }
        guard let mapping = node.mapping else { throw fault(name, "must be a mapping of fields") }
        return try ConfigurationSection(mapping, file: file, path: path + name + ".")
    }

    /// `HOST:PORT`, or `[IPv6]:PORT`.
    func address(_ text: String, _ name: String) throws -> ServerConfiguration.Address {
        guard let address = ServiceConfiguration.address(text) else {
            throw fault(name, "must be HOST:PORT, for instance 127.0.0.1:8080")
        }
        return address
    }

    /// Refuses what nobody asked for.
    func finish() throws {
        guard let stray = nodes.keys.sorted().first else { return }
        throw fault(stray, "is no field of the configuration\(NearestName.hint(for: stray, in: known))")
    }

    func fault(_ name: String, _ problem: String) -> Fault { Fault(.usage, "\(file): \(path)\(name) \(problem)") }

    private mutating func take(_ name: String) -> Node? {
        known.append(name)
        assert(ConfigurationFields.has(path + name), "\(path)\(name) is read, and isn't in ConfigurationFields")
        return nodes.removeValue(forKey: name)
    }
}
