import Foundation

// Where are the sources? Found from where this file was compiled.

enum Repository {
    static let root: URL = {
        var url = URL(fileURLWithPath: #filePath)
        while url.path != "/", !FileManager.default.fileExists(atPath: url.appendingPathComponent("Package.swift").path) {
            url.deleteLastPathComponent()
        }
        return url
    }()

    /// Every Swift file under Sources, in order of path.
    static func sources() throws -> [SourceFile] { try read.get() }

    private static let read = Result { try readSources() }

    private static func readSources() throws -> [SourceFile] {
        let base = root.appendingPathComponent("Sources")
        let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
        return try names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
            SourceFile(path: "Sources/" + name, text: try String(contentsOf: base.appendingPathComponent(name), encoding: .utf8))
        }
    }

    static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path).filter { !$0.hasPrefix(".") }
    }
}
