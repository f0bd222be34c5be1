import Foundation
import Testing

@testable import Pollers

@Suite struct SecretFolderTests {
    private func problem(_ body: () throws(PollFault) -> Void) -> String? {
        do throws(PollFault) { try body() } catch { return error.description }
        return nil
    }

    @Test func aTokenIsReadAnewEachTime() async throws {
        try await withFolder { folder in
            let secrets = SecretFolder(path: folder.path)
            try Data("first\n".utf8).write(to: folder.appendingPathComponent("token"))
            #expect(try secrets.token("token") == "first")
            try Data("second".utf8).write(to: folder.appendingPathComponent("token"))
            #expect(try secrets.token("token") == "second")
        }
    }

    @Test func nothingOutsideTheFolderIsRead() async throws {
        try await withFolder { folder in
            let inside = folder.appendingPathComponent("in")
            try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: true)
            try Data("theirs".utf8).write(to: folder.appendingPathComponent("outside"))
            try FileManager.default.createSymbolicLink(
                at: inside.appendingPathComponent("link"), withDestinationURL: folder.appendingPathComponent("outside"))
            let secrets = SecretFolder(path: inside.path)
            #expect(problem { () throws(PollFault) in _ = try secrets.read("../outside") }?.contains("leads out") == true)
            #expect(problem { () throws(PollFault) in _ = try secrets.read("link") }?.contains("leads out") == true)
            #expect(problem { () throws(PollFault) in _ = try secrets.read("nothing") }?.contains("not in the folder") == true)
            #expect(problem { () throws(PollFault) in _ = try SecretFolder(path: nil).read("a") }?.contains("no folder of secrets") == true)
        }
    }

    /// As Kubernetes mounts them: `token` → `..data/token` → a folder of the moment.
    @Test func mountedSecretsAreFollowed() async throws {
        try await withFolder { folder in
            let moment = folder.appendingPathComponent("..2026")
            try FileManager.default.createDirectory(at: moment, withIntermediateDirectories: true)
            try Data("mounted".utf8).write(to: moment.appendingPathComponent("token"))
            try FileManager.default.createSymbolicLink(atPath: folder.appendingPathComponent("..data").path, withDestinationPath: "..2026")
            try FileManager.default.createSymbolicLink(
                atPath: folder.appendingPathComponent("token").path, withDestinationPath: "..data/token")
            #expect(try SecretFolder(path: folder.path).token("token") == "mounted")
        }
    }

    @Test func whatIsNoFileIsRefusedAndNotWaitedFor() async throws {
        try await withFolder { folder in
            #expect(mkfifo(folder.appendingPathComponent("pipe").path, 0o600) == 0)
            try FileManager.default.createDirectory(at: folder.appendingPathComponent("folder"), withIntermediateDirectories: true)
            let secrets = SecretFolder(path: folder.path)
            #expect(problem { () throws(PollFault) in _ = try secrets.token("pipe") }?.contains("is a named pipe") == true)
            #expect(problem { () throws(PollFault) in _ = try secrets.token("folder") }?.contains("is a directory") == true)
            let devices = SecretFolder(path: "/dev")
            #expect(problem { () throws(PollFault) in _ = try devices.token("zero") }?.contains("is a device") == true)
        }
    }

    @Test("what can't stand in a header is no token", arguments: ["", "\n", "two words", "a\r\nx: y"])
    func noToken(_ content: String) async throws {
        try await withFolder { folder in
            try Data(content.utf8).write(to: folder.appendingPathComponent("token"))
            let told = problem { () throws(PollFault) in _ = try SecretFolder(path: folder.path).token("token") }
            #expect(told == "token doesn't hold one token in one line")
        }
    }
}
