import Foundation

// Whose certificate does the twin show?
//
// An authority, a server's certificate for 127.0.0.1 and localhost, and a client's, made by `openssl` once a process and kept
// in memory; nothing stays on disk.

package struct TwinCertificates: Sendable {
    package var authority: [UInt8]
    package var server: [UInt8]
    package var serverKey: [UInt8]
    package var client: [UInt8]
    package var clientKey: [UInt8]

    package struct OpenSSLFault: Error, CustomStringConvertible {
        package var description: String
    }

    /// The same for all twins of a process.
    package static func shared() throws -> TwinCertificates { try made.get() }
    /// Of an authority that nobody trusts.
    package static func strangers() throws -> TwinCertificates { try make() }

    private static let made = Result { try make() }

    /// A certificate under an authority of its own.
    static func issue(_ authority: String, _ subject: String, _ ext: String) throws -> (
        authority: [UInt8], certificate: [UInt8], key: [UInt8]
    ) {
        try inFolder { folder in
            try makeAuthority(authority, in: folder)
            try issue("one", subject, ext, in: folder)
            return (try read("ca.crt", folder), try read("one.crt", folder), try read("one.key", folder))
        }
    }

    private static func inFolder<Made>(_ body: (URL) throws -> Made) throws -> Made {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-twin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    private static func makeAuthority(_ name: String, in folder: URL) throws {
        try run(
            in: folder,
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=\(name)",
                "-keyout", "ca.key", "-out", "ca.crt",
            ])
    }

    private static func read(_ file: String, _ folder: URL) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appendingPathComponent(file)))
    }

    private static func make() throws -> TwinCertificates {
        try inFolder { folder in
            try makeAuthority("twin authority", in: folder)
            try issue("server", "/CN=kube-apiserver", "subjectAltName=IP:127.0.0.1,DNS:localhost", in: folder)
            try issue("client", "/CN=greenroom/O=system:masters", "extendedKeyUsage=clientAuth", in: folder)
            return TwinCertificates(
                authority: try read("ca.crt", folder), server: try read("server.crt", folder), serverKey: try read("server.key", folder),
                client: try read("client.crt", folder), clientKey: try read("client.key", folder))
        }
    }

    private static func issue(_ name: String, _ subject: String, _ ext: String, in folder: URL) throws {
        try Data(ext.utf8).write(to: folder.appendingPathComponent("\(name).ext"))
        try run(
            in: folder,
            [
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject, "-keyout", "\(name).key",
                "-out", "\(name).csr",
            ])
        try run(
            in: folder,
            [
                "x509", "-req", "-in", "\(name).csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile",
                "\(name).ext", "-out", "\(name).crt",
            ])
    }

    private static func run(in folder: URL, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.currentDirectoryURL = folder
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw OpenSSLFault(
                description: "openssl \(arguments.first ?? "") ended with \(process.terminationStatus): is openssl installed?")
        }
    }
}
