// Which series does a label selector mean?
//
// Kubernetes' selectors: requirements that must all hold. A key that is absent satisfies `!=` and `notin`, and no other
// requirement but `!key`. `>` and `<` compare whole numbers; a label that is no whole number satisfies neither.

package struct LabelSelector: Hashable, Sendable {
    package enum Requirement: Hashable, Sendable {
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

    /// - Parameter label: the value of the label with this key; nil where it is absent.
    package func matches(_ label: (String) -> String?) -> Bool { requirements.allSatisfy { $0.holds(label) } }

    /// The values of a label beyond which nothing can match; nil where it isn't bound to any.
    func valuesWanted(of key: String) -> Set<String>? {
        for case .within(key, let values) in requirements { return values }
        return nil
    }
}

extension LabelSelector.Requirement {
    func holds(_ label: (String) -> String?) -> Bool {
        switch self {
        case .exists(let key): label(key) != nil
        case .doesNotExist(let key): label(key) == nil
        case .within(let key, let values): label(key).map(values.contains) ?? false
        case .outside(let key, let values): label(key).map { !values.contains($0) } ?? true
        case .greaterThan(let key, let bound): label(key).flatMap { Int64($0) }.map { $0 > bound } ?? false
        case .lessThan(let key, let bound): label(key).flatMap { Int64($0) }.map { $0 < bound } ?? false
        }
    }
}
