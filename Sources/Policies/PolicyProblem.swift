internal import YAML

// What is wrong with a policy document, and where?
//
// Everything that is wrong comes out at once, in the order of the text, each with the place to look at and what to do there.

/// One mistake in a policy document.
package struct PolicyProblem: Hashable, Sendable, CustomStringConvertible {
    /// The document within the text, from 1.
    package var document: Int
    /// From 1; where the refused value begins, or what should contain it.
    package var line: Int
    /// From 1, in Unicode scalars.
    package var column: Int
    /// `spec.triggers[1].threshold`; empty where it is about the document as a whole.
    package var path: String
    /// What is wrong and what to do.
    package var message: String

    package init(document: Int, line: Int, column: Int, path: String, message: String) {
        self.document = document
        self.line = line
        self.column = column
        self.path = path
        self.message = message
    }

    package var description: String { "\(line):\(column): \(path.isEmpty ? "" : "\(path): ")\(message)" }
}

/// A policy text was refused. Never empty.
package struct PolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file's name, or what else the text came from.
    package var source: String
    package var problems: [PolicyProblem]

    package init(source: String, problems: [PolicyProblem]) {
        self.source = source
        self.problems = problems
    }

    /// One line a problem, as compilers print them: `pools.yaml:12:5: spec.coolDown: …`.
    package var description: String { problems.map { "\(source):\($0)" }.joined(separator: "\n") }
}

extension PolicyProblem {
    /// Of the text as YAML.
    init(_ fault: YAMLFault) {
        self.init(document: fault.document, line: fault.place.line, column: fault.place.column, path: "", message: fault.problem)
    }
}

/// The problems of one document as they are found, and where its fields stand.
final class ProblemList {
    let document: Int
    /// Of the object within a list: what its paths begin with, for whoever reads them.
    private let prefix: String
    private(set) var problems: [PolicyProblem] = []
    private var places: [String: Place] = [:]

    /// One mistake made many times says nothing new after this many lines.
    static let limit = 100

    init(document: Int, prefix: String = "") {
        self.document = document
        self.prefix = prefix
    }

    func knows(_ path: String) -> Bool { places[path] != nil }

    func remember(_ path: String, at place: Place) { places[path] = place }

    func report(_ path: String, at place: Place? = nil, _ message: String) {
        guard problems.count < Self.limit else { return }
        let place = place ?? self.place(of: path)
        let whole = prefix.isEmpty ? path : path.isEmpty ? prefix : "\(prefix).\(path)"
        problems.append(PolicyProblem(document: document, line: place.line, column: place.column, path: whole, message: message))
    }

    /// Whether this field, or something it is part of or contains, was refused already.
    func hasProblem(around path: String) -> Bool {
        let path = prefix.isEmpty ? path : "\(prefix).\(path)"
        return problems.contains { $0.path == path || $0.path.hasPrefix("\(path).") || $0.path.hasPrefix("\(path)[") }
    }

    /// Of the field, or of the nearest thing that should contain it.
    private func place(of path: String) -> Place {
        var rest = path[...]
        while !rest.isEmpty {
            if let place = places[String(rest)] { return place }
            rest = rest[..<(rest.lastIndex { $0 == "." || $0 == "[" } ?? rest.startIndex)]
        }
        return places[""] ?? .start
    }
}
