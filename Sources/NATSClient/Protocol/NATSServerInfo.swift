import Foundation

// What does the server say of itself?
//
// INFO comes first and may come again at any time: a field that is there replaces the one before, a field that is left out stays.
// Unknown fields are ignored. What is used as a number or a list is bounded here.

package struct NATSServerInfo: Hashable, Sendable {
    package var serverID: String?
    package var serverName: String?
    package var version: String?
    package var cluster: String?
    package var hasHeaders: Bool?
    /// Bytes of headers and payload together.
    package var maxPayload: Int?
    package var hasJetStream: Bool?
    /// JetStream's API level; servers before 2.11 don't say it.
    package var apiLevel: Int?
    package var isAuthRequired: Bool?
    package var isTLSRequired: Bool?
    package var isTLSAvailable: Bool?
    /// To be signed by who has a key.
    package var nonce: String?
    /// Addresses of the cluster's servers, this one included, in varying order.
    package var connectURLs: [String]?
    /// It goes away soon and asks its clients to leave.
    package var isLameDuck: Bool?

    /// More addresses than this aren't used.
    package static let addressesMost = 64

    package init() {}

    package init(json: some Sequence<UInt8>) throws(NATSProtocolFault) {
        let wire: Wire
        do { wire = try JSONDecoder().decode(Wire.self, from: Data(json)) } catch {
            throw NATSProtocolFault("INFO is no JSON object with the fields that INFO has")
        }
        serverID = Self.text(wire.server_id)
        serverName = Self.text(wire.server_name)
        version = Self.text(wire.version)
        cluster = Self.text(wire.cluster)
        hasHeaders = wire.headers
        maxPayload = wire.max_payload.map { Int(min(max($0, 0), 1 << 30)) }
        hasJetStream = wire.jetstream
        apiLevel = wire.api_lvl.map { Int(min(max($0, 0), 1_000_000)) }
        isAuthRequired = wire.auth_required
        isTLSRequired = wire.tls_required
        isTLSAvailable = wire.tls_available
        nonce = Self.text(wire.nonce)
        connectURLs = wire.connect_urls.map { $0.prefix(Self.addressesMost).filter { $0.utf8.count <= 300 } }
        isLameDuck = wire.ldm
    }

    private static func text(_ text: String?) -> String? { text.map { String($0.prefix(512)) } }

    private struct Wire: Decodable {
        var server_id: String?
        var server_name: String?
        var version: String?
        var cluster: String?
        var headers: Bool?
        var max_payload: Int64?
        var jetstream: Bool?
        var api_lvl: Int64?
        var auth_required: Bool?
        var tls_required: Bool?
        var tls_available: Bool?
        var nonce: String?
        var connect_urls: [String]?
        var ldm: Bool?
    }

    package mutating func merge(_ newer: NATSServerInfo) {
        serverID = newer.serverID ?? serverID
        serverName = newer.serverName ?? serverName
        version = newer.version ?? version
        cluster = newer.cluster ?? cluster
        hasHeaders = newer.hasHeaders ?? hasHeaders
        maxPayload = newer.maxPayload ?? maxPayload
        hasJetStream = newer.hasJetStream ?? hasJetStream
        apiLevel = newer.apiLevel ?? apiLevel
        isAuthRequired = newer.isAuthRequired ?? isAuthRequired
        isTLSRequired = newer.isTLSRequired ?? isTLSRequired
        isTLSAvailable = newer.isTLSAvailable ?? isTLSAvailable
        nonce = newer.nonce ?? nonce
        connectURLs = newer.connectURLs ?? connectURLs
        isLameDuck = newer.isLameDuck ?? isLameDuck
    }

    /// What it is called in messages.
    package var name: String { serverName ?? serverID ?? "a server without a name" }
}
