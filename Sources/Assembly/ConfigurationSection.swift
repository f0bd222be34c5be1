import Autoscaling
import Basics
import HTTPService
import Output
import YAML
import Yams

// What does one mapping of the configuration say?
//
// Fields are taken by name; whatever is left at the end is a field nobody knows, and the error says which was meant. Words mean
// what they mean in a policy (`YAML/Scalar.swift`).

struct ConfigurationSection {
    private let file: String
    private let path: String
    private var nodes: [String: Node] = [:]
    private var known: [String] = []

    init(yaml text: String, file: String) throws {
        self.file = file
        path = ""
        let root: Node?
        do throws(YAMLFault) { root = try YAMLReader.document(of: text) } catch {
            throw Fault(.usage, "\(file):\(error)", do: "correct it at the line and column named")
        }
        guard let root else { return }
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
        try take(name).map { try text($0, name, or: "must be a text") }
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
        guard let node = try take(name) else { return nil }
        // Memory of the whole process may be more than one size on the wire.
        let most = ["Memory", "Awaiting", "InFlight"].contains(where: name.contains) ? Self.bytesMost : Self.countMost
        guard let value = Scalar(node)?.integer, (0...most).contains(value) else {
            throw fault(name, "must be a whole number from 0 to \(most)")
        }
        return value
    }

    mutating func number(_ name: String) throws -> Double? {
        guard let node = try take(name) else { return nil }
        guard let value = Scalar(node)?.double, (0...Self.numberMost).contains(value) else {
            throw fault(name, "must be a number from 0 to \(Int(Self.numberMost))")
        }
        return value
    }

    mutating func bool(_ name: String) throws -> Bool? {
        guard let node = try take(name) else { return nil }
        guard let value = Scalar(node)?.flag else { throw fault(name, "must be true or false") }
        return value
    }

    mutating func strings(_ name: String) throws -> [String] {
        guard let node = try take(name) else { return [] }
        let elements = node.sequence.map(Array.init) ?? [node]
        return try elements.map { try text($0, name, or: "must be a list of texts") }
    }

    mutating func section(_ name: String) throws -> ConfigurationSection? {
        guard let node = try take(name) else { return nil }
        guard let mapping = node.mapping else { throw fault(name, "must be a mapping of fields") }
        return try ConfigurationSection(mapping, file: file, path: path + name + ".")
    }

    /// Fields by name, each into its place; none may be 0.
    mutating func take<Value>(
        _ counts: [(String, WritableKeyPath<Value, Int>)], seconds: [(String, WritableKeyPath<Value, Double>)], into value: inout Value
    ) throws {
        for (name, path) in counts {
            guard let count = try integer(name) else { continue }
            guard count > 0 else { throw fault(name, "must be more than 0") }
            value[keyPath: path] = count
        }
        for (name, path) in seconds {
            guard let time = try number(name) else { continue }
            guard time > 0 else { throw fault(name, "must be more than 0 seconds") }
            value[keyPath: path] = time
        }
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

    private mutating func take(_ name: String) throws -> Node? {
        known.append(name)
        assert(ConfigurationFields.has(path + name), "\(path)\(name) is read, and isn't in ConfigurationFields")
        guard let node = nodes.removeValue(forKey: name) else { return nil }
        if Scalar(node)?.isNull == true { throw fault(name, "is empty: give it a value, or leave it out") }
        return node
    }

    /// Any word as it is written: a number may be a name.
    private func text(_ node: Node, _ name: String, or problem: String) throws -> String {
        guard let scalar = node.scalar else { throw fault(name, problem) }
        return scalar.string
    }
}
