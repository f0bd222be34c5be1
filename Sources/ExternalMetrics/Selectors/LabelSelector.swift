// Which series does a label selector mean?
//
// Kubernetes' selectors: requirements that must all hold. A key that is absent satisfies `!=` and `notin`, and no other
// requirement but `!key`. `>` and `<` compare whole numbers; a label that is no whole number satisfies neither.

struct LabelSelector: Hashable, Sendable {
    enum Requirement: Hashable, Sendable {
        case exists(String)
        case doesNotExist(String)
        /// `=`, `==` and `in`.
        case within(String, Set<String>)
        /// `!=` and `notin`.
        case outside(String, Set<String>)
        case greaterThan(String, Int64)
        case lessThan(String, Int64)
    }

    var requirements: [Requirement]

    static let everything = LabelSelector(requirements: [])

    func matches(_ labels: [String: String]) -> Bool { requirements.allSatisfy { $0.holds(for: labels) } }
}

extension LabelSelector.Requirement {
    func holds(for labels: [String: String]) -> Bool {
        switch self {
        case .exists(let key): labels[key] != nil
        case .doesNotExist(let key): labels[key] == nil
        case .within(let key, let values): labels[key].map(values.contains) ?? false
        case .outside(let key, let values): labels[key].map { !values.contains($0) } ?? true
        case .greaterThan(let key, let bound): labels[key].flatMap { Int64($0) }.map { $0 > bound } ?? false
        case .lessThan(let key, let bound): labels[key].flatMap { Int64($0) }.map { $0 < bound } ?? false
        }
    }
}
