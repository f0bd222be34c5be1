// What may a token do?
//
// Roles don't include one another: a token that reads and writes says so. No name of a token and no token ever reaches an
// answer or a log line; a principal is known by the name its line in the file gives it.

enum Role: String, Hashable, Sendable, CaseIterable {
    /// POST and DELETE of events and placements.
    case ingest
    /// Every GET.
    case read
    /// Policies and pauses.
    case admin

    var bit: UInt8 {
        switch self {
        case .ingest: 1
        case .read: 2
        case .admin: 4
        }
    }
}

struct RoleSet: Hashable, Sendable {
    private var bits: UInt8 = 0

    init(_ roles: Role...) { for role in roles { insert(role) } }

    mutating func insert(_ role: Role) { bits |= role.bit }
    func contains(_ role: Role) -> Bool { bits & role.bit != 0 }
    var isEmpty: Bool { bits == 0 }
    var names: String { Role.allCases.filter(contains).map(\.rawValue).joined(separator: ", ") }
}
