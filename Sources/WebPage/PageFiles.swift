import Basics

// Which file of the page is that?
//
// The page is plain HTML, CSS and JavaScript in files by name (`Files/`), which the program contains. Each is served as it
// was written. Its tag is a hash of its bytes, so a browser asks again after an upgrade and loads nothing twice before.

package struct PageFile: Sendable {
    package let name: String
    package let contentType: String
    package let bytes: [UInt8]
    /// A strong entity tag, with its quotes.
    package let tag: String

    init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
        let ending = name.split(separator: ".").last ?? ""
        contentType = Self.types[String(ending)] ?? "application/octet-stream"
        tag = "\"\(String(bytes.withUnsafeBufferPointer { ByteHash.of($0) }, radix: 16))\""
    }

    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
    ]
}

package enum PageFiles {
    /// What every screen begins with: its script reads the address.
    package static let start = PageFile("index.html", PackageResources.index_html)

    package static func named(_ name: String) -> PageFile? { byName[name] }
    package static var names: [String] { byName.keys.sorted() }

    /// Nothing is loaded from anywhere else, nothing runs that isn't a file of the page, and no other page may frame it.
    package static let contentPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'"

    private static let byName: [String: PageFile] = {
        let files = [
            PageFile("page.css", PackageResources.page_css),
            PageFile("actions.js", PackageResources.actions_js),
            PageFile("actors.js", PackageResources.actors_js),
            PageFile("address.js", PackageResources.address_js),
            PageFile("api.js", PackageResources.api_js),
            PageFile("app.js", PackageResources.app_js),
            PageFile("board.js", PackageResources.board_js),
            PageFile("chart.js", PackageResources.chart_js),
            PageFile("clock.js", PackageResources.clock_js),
            PageFile("concerns.js", PackageResources.concerns_js),
            PageFile("dom.js", PackageResources.dom_js),
            PageFile("format.js", PackageResources.format_js),
            PageFile("lab.js", PackageResources.lab_js),
            PageFile("live.js", PackageResources.live_js),
            PageFile("log.js", PackageResources.log_js),
            PageFile("moment.js", PackageResources.moment_js),
            PageFile("nodes.js", PackageResources.nodes_js),
            PageFile("parts.js", PackageResources.parts_js),
            PageFile("policies.js", PackageResources.policies_js),
            PageFile("pool.js", PackageResources.pool_js),
            PageFile("series.js", PackageResources.series_js),
            PageFile("shell.js", PackageResources.shell_js),
            PageFile("virtual.js", PackageResources.virtual_js),
            PageFile("whatif.js", PackageResources.whatif_js),
            PageFile("why.js", PackageResources.why_js),
            PageFile("work.js", PackageResources.work_js),
        ]
        return Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0) })
    }()
}
