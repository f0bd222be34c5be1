import Foundation
import HTTPTestSupport
import HTTPTypes
import Testing
import WebPage

@testable import HTTPService

// Does a browser get the page, whole and safe, without a token?

@Suite("The page's routes")
struct PageRouteTests {
    @Test(arguments: Wire.cleartext)
    func everyScreenIsTheSameDocument(_ wire: Wire) async throws {
        try await TestService.run { service in
            let client = service.client(wire)
            for path in [
                "/", "/pools/demo/code?at=68", "/actors", "/actors/demo/a", "/nodes", "/log?kind=scale.decided", "/lab?pool=demo/code",
            ] {
                let response = try await client.get(path)
                #expect(response.status == 200 && response.text.hasPrefix("<!doctype html>"), "\(path)")
                #expect(response.field("content-type") == "text/html; charset=utf-8")
                #expect(response.field("content-security-policy")?.contains("script-src 'self'") == true)
                #expect(response.field("x-content-type-options") == "nosniff")
            }
        }
    }

    @Test func everyFileIsServedWithItsTypeAndOnlyOnce() async throws {
        try await TestService.run { service in
            let client = service.client(.http1)
            for name in PageFiles.names {
                let response = try await client.get("/page/\(name)")
                let file = try #require(PageFiles.named(name))
                #expect(response.status == 200 && response.body == file.bytes, "\(name)")
                #expect(response.field("content-type") == file.contentType)
                let again = try await client.send("GET", "/page/\(name)", [("if-none-match", "\"x\", \(file.tag)")], body: [])
                #expect(again.status == 304 && again.body.isEmpty, "\(name)")
            }
            for name in ["nothing.js", "..%2Fapp.js", "index.html"] {
                #expect(try await client.get("/page/\(name)").status == 404, "\(name)")
            }
        }
    }

    /// A file that is forgotten in the list, or an import of one that isn't there, would be a blank page.
    @Test func filesNameEachOtherAndNothingElse() throws {
        let texts = Dictionary(
            uniqueKeysWithValues: PageFiles.names.map { ($0, String(decoding: PageFiles.named($0)?.bytes ?? [], as: UTF8.self)) })
        var reached: Set<String> = ["app.js", "page.css"]
        var open = ["app.js"]
        while let name = open.popLast() {
            let text = try #require(texts[name], "\(name) is imported and isn't there")
            for match in text.matches(of: /from "\.\/([a-z]+\.js)"/) where reached.insert(String(match.1)).inserted {
                open.append(String(match.1))
            }
        }
        #expect(reached == Set(texts.keys))
        let document = String(decoding: PageFiles.start.bytes, as: UTF8.self)
        #expect(document.contains("\"/page/app.js\"") && document.contains("\"/page/page.css\""))
        for (name, text) in texts {
            #expect(text.hasPrefix(name.hasSuffix(".css") ? "/*" : "//"), "\(name) says first which question it answers")
            #expect(!text.contains("innerHTML") && !text.contains("eval("), "\(name) makes elements, never markup")
            for match in text.matches(of: /https?:\/\/[^\s"']+/) { #expect(match.0 == "http://www.w3.org/2000/svg", "\(name): \(match.0)") }
        }
    }
}
