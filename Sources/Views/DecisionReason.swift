import Autoscaling
package import Domain

// What does a logged decision say of its reasons, in words?

package enum DecisionReason {
    /// The why-chain in one line, as `Decision.text` has it.
    package static func line(_ body: EventBody, to: Int) -> String {
        guard let why = body["why"] else { return String(to) }
        var steps: [(code: String, text: String)] = []
        body.forEachElement(of: why) { step in
            let code = step["code"].flatMap { step.text($0) } ?? ""
            steps.append((code, step["text"].flatMap { step.text($0) } ?? code))
        }
        return Decision.line(steps, to: to)
    }

    /// The why-chain in words, as it was logged; its codes where it has no words.
    package static func text(_ body: EventBody) -> String {
        guard let why = body["why"] else { return "" }
        var words: [String] = []
        body.forEachElement(of: why) { step in
            if let text = (step["text"] ?? step["code"]).flatMap({ step.text($0) }) { words.append(text) }
        }
        return words.joined(separator: "; ")
    }
}
