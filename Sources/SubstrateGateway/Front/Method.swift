import Domain
import NIOCore
import NIOHPACK
import NIOHTTP2
import SwiftProtobuf

// Which calls does the gateway look at?
//
// `ResumeActor`, which may be parked, and those whose success changes an actor. All others pass unread, also those that it has never
// heard of.

enum Method: String, CaseIterable {
    case resumeActor = "ResumeActor"
    case suspendActor = "SuspendActor"
    case pauseActor = "PauseActor"
    case createActor = "CreateActor"
    case deleteActor = "DeleteActor"
    case getActor = "GetActor"
    case listActors = "ListActors"
    case listWorkers = "ListWorkers"

    var path: String { "/ateapi.Control/\(rawValue)" }

    init?(path: String) {
        let prefix = "/ateapi.Control/"
        guard path.hasPrefix(prefix) else { return nil }
        self.init(rawValue: String(path.dropFirst(prefix.count)))
    }
}

/// `(atespace, id)`: two actors of one id in two atespaces are two.
package struct ActorKey: Hashable, Sendable, CustomStringConvertible {
    package var atespace: String
    package var id: String

    package init(atespace: String, id: String) {
        self.atespace = atespace
        self.id = id
    }

    package init(_ actor: Ateapi_Actor) { self.init(atespace: actor.atespace, id: actor.actorID) }

    /// As the log names it; nil for what has no namespace.
    init?(name: String) {
        guard let (atespace, id) = QualifiedName.split(name) else { return nil }
        self.init(atespace: atespace, id: id)
    }

    /// As the log names it.
    package var description: String { "\(atespace)/\(id)" }

    /// Both are DNS labels upstream; what is none is refused there.
    var isName: Bool { Self.isLabel(atespace) && Self.isLabel(id) }

    private static func isLabel(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: "-")
            }
    }
}

/// What a resume asks for.
struct ResumeCall: Hashable {
    var key: ActorKey
    var boot: Bool

    /// nil where it names no actor, or says what this version doesn't know: then it is forwarded.
    init?(message: ByteBuffer) {
        guard let request = try? Ateapi_ResumeActorRequest(serializedBytes: Array(message.readableBytesView)),
            request.unknownFields.data.isEmpty
        else { return nil }
        key = ActorKey(atespace: request.actorRef.atespace, id: request.actorRef.name)
        boot = request.boot
        guard key.isName else { return nil }
    }
}

/// Gathers the messages of a call that passes, as far as they are small enough to be of one actor.
struct Tap {
    private static let bytesMost = 64 << 10

    private let method: Method
    private var request = ByteBuffer()
    private var response = ByteBuffer()
    private var isOK = false
    private var isTooLarge = false

    init?(_ path: String) {
        guard let method = Method(path: path), [.suspendActor, .pauseActor, .createActor, .deleteActor].contains(method) else { return nil }
        self.method = method
    }

    mutating func sent(_ frame: HTTP2Frame.FramePayload) {
        guard case .data(let part) = frame, case .byteBuffer(var bytes) = part.data else { return }
        isTooLarge = isTooLarge || request.readableBytes + bytes.readableBytes > Self.bytesMost
        if !isTooLarge { request.writeBuffer(&bytes) }
    }

    /// True with the last one.
    mutating func received(_ frame: HTTP2Frame.FramePayload) -> Bool {
        switch frame {
        case .data(let part):
            guard case .byteBuffer(var bytes) = part.data else { return false }
            isTooLarge = isTooLarge || response.readableBytes + bytes.readableBytes > Self.bytesMost
            if !isTooLarge { response.writeBuffer(&bytes) }
            return false
        case .headers(let part):
            guard part.endStream else { return false }
            isOK = part.headers.first(name: "grpc-status") == "0"
            return true
        default: return false
        }
    }

    /// What the call's success says of an actor.
    func seen() -> GatewayNote? {
        guard isOK, !isTooLarge, let request = GRPCWire.message(of: request), let response = GRPCWire.message(of: response) else {
            return nil
        }
        let bytes = Array(response.readableBytesView)
        switch method {
        case .createActor: return (try? Ateapi_CreateActorResponse(serializedBytes: bytes)).map { .created($0.actor) }
        case .suspendActor: return (try? Ateapi_SuspendActorResponse(serializedBytes: bytes)).map { .suspended($0.actor) }
        case .pauseActor: return (try? Ateapi_PauseActorResponse(serializedBytes: bytes)).map { .paused($0.actor) }
        case .deleteActor:
            guard let asked = try? Ateapi_DeleteActorRequest(serializedBytes: Array(request.readableBytesView)) else { return nil }
            return .deleted(ActorKey(atespace: asked.actorRef.atespace, id: asked.actorRef.name))
        default: return nil
        }
    }
}

extension ResumeCall {
    init(key: ActorKey) {
        self.key = key
        boot = false
    }

    var message: [UInt8] {
        let request = Ateapi_ResumeActorRequest.with {
            $0.actorRef.atespace = key.atespace
            $0.actorRef.name = key.id
            $0.boot = boot
        }
        return (try? request.serializedBytes()) ?? []
    }
}
