import Testing

@testable import Kubernetes

// What the API server writes down about itself as a front proxy.

@Suite struct RequestHeaderAuthenticationTests {
    private static let real = [
        "client-ca-file": "of users' certificates", "requestheader-client-ca-file": "PEM",
        "requestheader-allowed-names": #"["front-proxy-client"]"#,
        "requestheader-username-headers": #"["X-Remote-User"]"#, "requestheader-uid-headers": #"["X-Remote-Uid"]"#,
        "requestheader-group-headers": #"["X-Remote-Group"]"#, "requestheader-extra-headers-prefix": #"["X-Remote-Extra-"]"#,
    ]

    @Test func `what a cluster writes is read; the authority of users is not the one of proxies`() throws {
        let read = try #require(try RequestHeaderAuthentication(data: Self.real))
        #expect(read.authorityPEM == Array("PEM".utf8))
        #expect(read.allowedNames == ["front-proxy-client"])
        #expect(read.usernameHeaders == ["X-Remote-User"])
        #expect(read.extraHeaderPrefixes == ["X-Remote-Extra-"])
    }

    @Test func `without an authority nobody is a front proxy`() throws {
        var data = Self.real
        data["requestheader-client-ca-file"] = nil
        #expect(try RequestHeaderAuthentication(data: data) == nil)
    }

    @Test func `an older cluster names no header for uids, and the usual one is taken`() throws {
        var data = Self.real
        data["requestheader-uid-headers"] = nil
        #expect(try RequestHeaderAuthentication(data: data)?.uidHeaders == ["X-Remote-Uid"])
    }

    @Test(arguments: ["front-proxy-client", #"{"a":1}"#, "[1]", "[", "null"])
    func `names that can't be read are a fault, never a list that allows everybody`(_ names: String) {
        var data = Self.real
        data["requestheader-allowed-names"] = names
        #expect(throws: ClusterAccessFault.self) { _ = try RequestHeaderAuthentication(data: data) }
    }
}
