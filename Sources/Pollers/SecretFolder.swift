import Foundation
import Machine

// What does a secret's file say at this moment?
//
// Read anew each time, as secrets rotate under their mounts, and only within one folder that the service's operator names:
// a policy's author chooses the file's name and the address its content is sent to. Links are followed (Kubernetes mounts
// secrets as links), and must end inside the folder.

package struct SecretFolder: Sendable {
    /// nil: no file may be read.
    private let path: String?

    static let limitBytes = 65_536

    package init(path: String?) { self.path = path }

    func read(_ file: String) throws(PollFault) -> [UInt8] {
        guard let path else {
            throw PollFault("\(file) can't be read: the service has no folder of secrets; name one in its configuration")
        }
        guard let folder = Self.real(path), let target = Self.real("\(path)/\(file)") else {
            throw PollFault("\(file) is not in the folder of secrets")
        }
        guard target.hasPrefix("\(folder)/") else { throw PollFault("\(file) leads out of the folder of secrets") }
        do throws(SmallFile.Fault) { return try SmallFile.read(target, limitBytes: Self.limitBytes) } catch {
            switch error {
            case .tooLarge: throw PollFault("\(file) has more than \(Self.limitBytes) bytes")
            case .notRegular: throw PollFault("\(file) in the folder of secrets \(error)")
            case .unopened, .unread: throw PollFault("\(file) in the folder of secrets can't be read")
            }
        }
    }

    /// A token: one line without spaces, as it may stand in a header.
    package func token(_ file: String) throws(PollFault) -> String {
        let bytes = try read(file)
        let end = bytes.lastIndex { !" \t\r\n".utf8.contains($0) }
        let token = bytes[..<(end.map { $0 + 1 } ?? 0)]
        guard !token.isEmpty, token.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw PollFault("\(file) doesn't hold one token in one line")
        }
        return String(decoding: token, as: UTF8.self)
    }

    private static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
