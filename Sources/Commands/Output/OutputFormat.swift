import Domain
import ArgumentParser
import Output

// In which form does a listing come out?
//
// Tables for people, JSON and YAML for scripts: the same values, their members named as in the HTTP API.

enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// `wide` is the table with all its columns.
    case table, wide, json, yaml
}

struct OutputOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "Output format: table, wide (a table with all columns), json or yaml.")
    var output: OutputFormat = .table
}

/// The same of listings, which `kubectl-ate` has too.
struct ListingOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable, Sendable {
        case table, wide, ate, json, yaml
    }

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help:
            "Output format: table, wide (a table with all columns), json, yaml, or, of workers and actors, ate (as kubectl-ate prints them)."
    )
    var chosen = Format.table

    var isAte: Bool { chosen == .ate }
    /// A table's other columns are no other form.
    var output: OutputFormat { OutputFormat(rawValue: chosen.rawValue) ?? .table }
}

extension OutputFormat {
    /// Whether it is for people.
    var isTable: Bool { self == .table || self == .wide }

    /// `value` in a machine's format; `table` where that is what was asked for.
    func text(_ value: JSONValue, table: () -> String) throws -> String {
        switch self {
        case .json: value.pretty + "\n"
        case .yaml: try value.yaml()
        case .table, .wide: table()
        }
    }
}
