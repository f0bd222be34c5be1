package import Yams

// Which documents does this YAML text hold?
//
// The one way in which YAML is read here: policies, manifests of KEDA, the service's configuration, kubeconfigs. Size, nesting
// and aliases are bounded before a parser sees the text. Yams builds the tree and decides nothing: what a plain word means is
// `Scalar`'s to say, by YAML 1.2's core schema. JSON is YAML too.

package enum YAMLReader {
    package static let textLimitBytes = 256 << 10
    package static let documentLimit = 1_024

    /// The documents of `text` in their order, and what is wrong with it behind them.
    package static func documents(of text: String, limitBytes: Int = textLimitBytes) -> (documents: [Node], fault: YAMLFault?) {
        if let fault = TextGuard.fault(in: Array(text.utf8), limitBytes: limitBytes) { return ([], fault) }
        let text = ByteOrderMark.removed(from: text)
        var documents: [Node] = []
        do {
            // No rules of Yams' own for what a plain word means.
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            while let root = try parser.nextRoot() {
                guard documents.count < documentLimit else {
                    let problem = "more than \(documentLimit) documents in one text; split it"
                    return (documents, YAMLFault(document: documents.count + 1, place: .start, problem: problem))
                }
                documents.append(root)
            }
            return (documents, nil)
        } catch let error as YamlError {
            return (documents, error.fault(document: documents.count + 1, text: text))
        } catch {
            return (documents, YAMLFault(document: documents.count + 1, place: .start, problem: "unreadable: \(error)"))
        }
    }

    /// The only document of `text`; nil where it is empty.
    package static func document(of text: String, limitBytes: Int = textLimitBytes) throws(YAMLFault) -> Node? {
        let (documents, fault) = documents(of: text, limitBytes: limitBytes)
        if let fault { throw fault }
        guard documents.count < 2 else {
            throw YAMLFault(document: 2, place: documents[1].place ?? .start, problem: "a second document; keep one")
        }
        return documents.first.flatMap { $0.isEmptyDocument ? nil : $0 }
    }
}

/// What is wrong with a text, and where.
package struct YAMLFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Within the text, from 1.
    package var document: Int
    package var place: Place
    /// What is wrong and what to do.
    package var problem: String

    package var description: String { "\(place.line):\(place.column): \(problem)" }
}

/// Where something stands in the text, from 1.
package struct Place: Hashable, Sendable {
    package var line: Int
    /// In Unicode scalars.
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static let start = Place(line: 1, column: 1)
}

extension Node {
    package var place: Place? { mark.map { Place(line: $0.line, column: $0.column) } }

    /// `---` with nothing after it.
    package var isEmptyDocument: Bool {
        guard case .scalar(let scalar) = self else { return false }
        return scalar.style == .plain && scalar.string.isEmpty
    }
}
