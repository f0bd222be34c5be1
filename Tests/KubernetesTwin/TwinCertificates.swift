import Foundation

// Whose certificate does the twin show?
//
// An authority, a server's certificate for 127.0.0.1 and localhost, and a client's, made by `openssl` once a process and kept
// in memory; nothing stays on disk.

public struct TwinCertificates: Sendable {
    public var authority: [UInt8]
    public var server: [UInt8]
    public var serverKey: [UInt8]
    public var client: [UInt8]
    public var clientKey: [UInt8]

    public struct OpenSSLFault: Error, CustomStringConvertible {
        public var description: String
    }

    /// The same for all twins of a process.
    public static func shared() throws -> TwinCertificates { try made.get() }
    /// Of an authority that nobody trusts.
    public static func strangers() throws -> TwinCertificates { try make() }

    private static let made = Result { try make() }

    private static func make() throws -> TwinCertificates {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-twin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try run(in: folder, ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=twin authority", "-keyout", "ca.key", "-out", "ca.crt"])
        try issue("server", "/CN=kube-apiserver", "subjectAltName=IP:127.0.0.1,DNS:localhost", in: folder)
        try issue("client", "/CN=greenroom/O=system:masters", "extendedKeyUsage=clientAuth", in: folder)
        func file(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: folder.appendingPathComponent(name))) }
        return TwinCertificates(
            authority: try file("ca.crt"), server: try file("server.crt"), serverKey: try file("server.key"), client: try file("client.crt"),
            clientKey: try file("client.key"))
    }

    private static func issue(_ name: String, _ subject: String, _ ext: String, in folder: URL) throws {
        try Data(ext.utf8).write(to: folder.appendingPathComponent("\(name).ext"))
        try run(in: folder, ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject, "-keyout", "\(name).key", "-out", "\(name).csr"])
        try run(in: folder, ["x509", "-req", "-in", "\(name).csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "\(name).ext", "-out", "\(name).crt"])
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
            throw OpenSSLFault(description: "openssl \(arguments.first ?? "") ended with \(process.terminationStatus): is openssl installed?")
        }
    }
}
