internal import Autoscaling
import Basics
internal import YAML
internal import Yams

// What does a node of a policy document say, as the type its field has?
//
// Words mean what `Scalar` says. A wrong type is reported and answered with nil.

/// A node, the path of the field it stands in, and where its problems go.
struct DocumentValue {
    let node: Node
    let path: String
    let problems: ProblemList

    init(_ node: Node, path: String, problems: ProblemList) {
        self.node = node
        self.path = path
        self.problems = problems
        if let place = node.place { problems.remember(path, at: place) }
    }

    var isNull: Bool { scalar == .null }

    var integer: Int? {
        scalar?.integer ?? wrong(scalar?.integerProblem ?? "must be a whole number")
    }

    var flag: Bool? {
        guard case .flag(let flag)? = scalar else { return wrong("must be true or false") }
        return flag
    }

    var text: String? {
        switch scalar {
        case .text(let text)?: return text
        case .number?, .flag?: return wrong("must be a text; put it in quotes")
        default: return wrong("must be a text")
        }
    }

    /// A number or a Kubernetes quantity, in units of 10^−decimals.
    func quantity(_ decimals: Int) -> Int64? {
        let written: String
        switch scalar {
        case .number(let number)?: written = number
        case .text(let text)?: written = text
        default: return wrong("must be a number or a quantity such as 1.5 or 500m")
        }
        do throws(Quantity.Fault) {
            let (value, isRounded) = try Quantity.read(written, decimals: decimals)
            // A number that isn't the one that is written would be decided by in silence.
            return isRounded ? wrong("must be a multiple of \(Quantity.step(decimals: decimals)), the finest step there is") : value
        } catch {
            return wrong(error == .tooLarge ? "is too large" : "must be a number or a quantity such as 1.5 or 500m")
        }
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_: Choice.Type) -> Choice? where Choice.RawValue == String {
        guard let written = text else { return nil }
        if let choice = Choice(rawValue: written) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        problems.report(
            path,
            "must be one of \(known.joined(separator: ", "))\(NearestName.nearest(to: written, in: known).map { "; did you mean \($0)?" } ?? "")"
        )
        return nil
    }

    var elements: [DocumentValue]? {
        guard case .sequence(let sequence) = node else { return wrong("must be a list") }
        return sequence.prefix(Self.elementLimit).enumerated().map { DocumentValue($1, path: "\(path)[\($0)]", problems: problems) }
    }

    /// Longer lists are cut; the rules refuse them long before.
    static let elementLimit = 4_096

    private var scalar: Scalar? { Scalar(node) }

    private func wrong<Value>(_ message: String) -> Value? {
        let found: String
        switch node {
        case .scalar: found = scalar?.shown ?? "something else"
        case .mapping: found = "an object"
        case .sequence: found = "a list"
        case .alias: found = "an alias"
        }
        problems.report(path, "\(message), and is \(found)")
        return nil
    }
}
