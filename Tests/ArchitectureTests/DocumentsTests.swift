import Foundation
import Testing

// Do the documents hold together: does every link lead somewhere, is every source there that is named, and are decisions numbered
// without gaps?

@Suite struct DocumentsTests {
    private struct Document {
        /// From the repository's root.
        var path: String
        var text: String

        /// The ends of links, such as `operating.md#alerts`. Code isn't looked at, and neither are addresses of the web.
        var links: [String] {
            text.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }.filter { !$0.hasPrefix("http") }
        }

        /// Sources that are named in code, such as `State/State.swift`: from the target, or from a folder within it.
        var sources: [String] {
            text.matches(of: /`([A-Za-z]+\/[A-Za-z+\/]+\.swift)`/).map { String($0.1) }
        }

        /// What a link may name after `#`: headings, as GitHub writes them.
        var anchors: Set<String> {
            Set(
                text.split(separator: "\n").filter { $0.hasPrefix("#") }.map { heading in
                    let words = heading.drop { $0 == "#" }.drop { $0 == " " }.lowercased().filter {
                        $0.isLetter || $0.isNumber || "-_ ".contains($0)
                    }
                    return words.replacing(" ", with: "-")
                })
        }
    }

    private static func documents() throws -> [Document] {
        let manager = FileManager.default
        let docs = (manager.enumerator(atPath: Repository.root.appendingPathComponent("docs").path)?.compactMap { $0 as? String } ?? []).map
        { "docs/" + $0 }
        let paths = (docs + (try Repository.names(in: ""))).filter { $0.hasSuffix(".md") }
        return try paths.sorted().map {
            Document(path: $0, text: try String(contentsOf: Repository.root.appendingPathComponent($0), encoding: .utf8))
        }
    }

    @Test("every link leads to a file, and to a heading of it")
    func links() throws {
        let documents = try Self.documents()
        #expect(documents.count > 20)
        let byPath = Dictionary(uniqueKeysWithValues: documents.map { ($0.path, $0) })
        for document in documents {
            for link in document.links {
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let folder = URL(fileURLWithPath: "/" + document.path).deletingLastPathComponent()
                let url =
                    parts[0].isEmpty
                    ? URL(fileURLWithPath: "/" + document.path) : folder.appendingPathComponent(String(parts[0])).standardized
                let path = String(url.path.dropFirst())
                #expect(
                    FileManager.default.fileExists(atPath: Repository.root.appendingPathComponent(path).path), "\(document.path): \(link)")
                if parts.count > 1, let target = byPath[path] {
                    #expect(target.anchors.contains(String(parts[1])), "\(document.path): \(link)")
                }
            }
        }
    }

    @Test("every source that a document names is there")
    func sources() throws {
        let base = Repository.root.path + "/"
        let known = ["Sources", "Tests"].flatMap { folder in
            (FileManager.default.enumerator(atPath: base + folder)?.compactMap { $0 as? String } ?? []).map { "/\(folder)/\($0)" }
        }
        let named = try Self.documents().flatMap { document in document.sources.map { (document.path, $0) } }
        #expect(named.count > 30)
        for (document, source) in named where !known.contains(where: { $0.hasSuffix("/\(source)") }) {
            Issue.record("\(document) names \(source), which isn't there")
        }
    }

    @Test("decisions are numbered from 1 without a gap, and the index has each")
    func decisions() throws {
        let names = try Repository.names(in: "docs/decisions").filter { $0 != "README.md" }.sorted()
        let index = try String(contentsOf: Repository.root.appendingPathComponent("docs/decisions/README.md"), encoding: .utf8)
        for (k, name) in names.enumerated() {
            #expect(Int(name.prefix(4)) == k + 1, "\(name) should be number \(k + 1)")
            #expect(index.contains("](\(name))"), "docs/decisions/README.md doesn't name \(name)")
            let text = try String(contentsOf: Repository.root.appendingPathComponent("docs/decisions/\(name)"), encoding: .utf8)
            #expect(text.hasPrefix("# \(k + 1). "), "\(name) should begin with its number")
        }
    }

    @Test("the table of the architecture page has each target on its floor, a row each")
    func floors() throws {
        let page = try String(contentsOf: Repository.root.appendingPathComponent("docs/architecture.md"), encoding: .utf8)
        var found: [String: Int] = [:]
        for line in page.split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard let level = cells.first.flatMap({ Int($0) }) else { continue }
            #expect(cells.count == 3, "\(line)")
            for target in cells[1].matches(of: /`([A-Za-z]+)`/) { found[String(target.1)] = level }
        }
        #expect(found == Dictionary(uniqueKeysWithValues: Floor.table.map { ($0.target, $0.level) }))
    }
}
