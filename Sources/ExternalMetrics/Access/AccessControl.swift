import Crypto
import HTTPTransport
import HTTPTypes
import Synchronization

// May this request be answered?
//
//     verified front proxy, names a user   → that user; the API server has already asked whether they may
//     bearer token                         → TokenReview; for metrics then SubjectAccessReview
//     neither                              → anonymous: discovery alone, and only where that is configured
//
// A certificate that verifies but has a name that isn't allowed counts for nothing: its headers aren't read and the request is
// judged by its token. Nothing here waits unless the cluster must be asked; `now` answers from memory, `reviewed` asks.

final class AccessControl: Sendable {
    enum Action: Hashable, Sendable {
        case discover
        case read(metric: String, namespace: String)
    }

    enum Verdict: Hashable, Sendable {
        case allowed
        case unauthenticated
        case forbidden(user: String, reason: String)
        case unavailable(String)
    }

    enum Credentials: Sendable {
        case proxied(UserInfo)
        case bearer(String)
        case none
    }

    private struct Query: Hashable, Sendable {
        var user: UserInfo
        var action: ResourceAttributes
    }

    /// A longer token is nobody's.
    static let tokenBytesMost = 16 << 10

    private let frontProxy: Mutex<FrontProxy?>
    private let reviewer: (any AccessReviewing)?
    private let allowsAnonymousDiscovery: Bool
    /// By digest: no token is kept.
    private let tokens: ReviewCache<[UInt8], UserInfo?>
    private let reviews: ReviewCache<Query, AccessReview>

    init(
        frontProxy: FrontProxy?, reviewer: (any AccessReviewing)?, allowsAnonymousDiscovery: Bool,
        uptimeMicroseconds: @escaping @Sendable () -> Int64
    ) {
        self.frontProxy = Mutex(frontProxy)
        self.reviewer = reviewer
        self.allowsAnonymousDiscovery = allowsAnonymousDiscovery
        tokens = ReviewCache(uptimeMicroseconds: uptimeMicroseconds, isPositive: { $0 != nil })
        reviews = ReviewCache(uptimeMicroseconds: uptimeMicroseconds, isPositive: \.isAllowed)
    }

    // MARK: - Who

    /// Whether a connection's verified client certificate makes its `X-Remote-*` headers count.
    func trusts(certificate der: [UInt8]) -> Bool {
        frontProxy.withLock { $0 }?.trusts(commonName: CertificateSubject.commonName(der: der)) ?? false
    }

    /// Who may speak for others from now on.
    func believe(_ proxy: FrontProxy?) { frontProxy.withLock { $0 = proxy } }

    func credentials(_ fields: HTTPFields, fromProxy isProxy: Bool) -> Credentials {
        if isProxy, let user = frontProxy.withLock({ $0 })?.user(fields) { return .proxied(user) }
        guard let field = fields[.authorization], field.utf8.count <= Self.tokenBytesMost else { return .none }
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return .none }
        let token = parts[1].drop { $0 == " " }
        return token.isEmpty ? .none : .bearer(String(token))
    }

    // MARK: - May they

    /// The verdict, where it needs no question to the cluster.
    func now(_ credentials: Credentials, _ action: Action) -> Verdict? {
        switch credentials {
        case .proxied: return .allowed
        case .none: return action == .discover && allowsAnonymousDiscovery ? .allowed : .unauthenticated
        case .bearer(let token):
            guard reviewer != nil else { return .unauthenticated }
            guard let known = tokens.remembered(Self.digest(token)) else { return nil }
            guard let user = known else { return .unauthenticated }
            guard let attributes = action.attributes else { return .allowed }
            return reviews.remembered(Query(user: user, action: attributes)).map { Self.verdict(user, $0) }
        }
    }

    /// The verdict, whatever it takes.
    func reviewed(_ credentials: Credentials, _ action: Action) async -> Verdict {
        guard case .bearer(let token) = credentials, let reviewer else { return now(credentials, action) ?? .unauthenticated }
        do throws(AccessReviewFault) {
            let user = try await tokens.value(Self.digest(token)) {
                await Self.result { () throws(AccessReviewFault) in try await reviewer.user(presenting: token) }
            }
            guard let user else { return .unauthenticated }
            guard let attributes = action.attributes else { return .allowed }
            let review = try await reviews.value(Query(user: user, action: attributes)) {
                await Self.result { () throws(AccessReviewFault) in try await reviewer.review(user, attributes) }
            }
            return Self.verdict(user, review)
        } catch {
            return .unavailable(error.problem)
        }
    }

    private static func verdict(_ user: UserInfo, _ review: AccessReview) -> Verdict {
        review.isAllowed ? .allowed : .forbidden(user: user.name, reason: review.reason)
    }

    private static func digest(_ token: String) -> [UInt8] { Array(SHA256.hash(data: Array(token.utf8))) }

    private static func result<Value>(_ work: () async throws(AccessReviewFault) -> Value) async -> Result<Value, AccessReviewFault> {
        do throws(AccessReviewFault) { return .success(try await work()) } catch { return .failure(error) }
    }
}

extension AccessControl.Action {
    /// What a SubjectAccessReview is asked; discovery needs none, as every user known to a cluster may discover.
    var attributes: ResourceAttributes? {
        guard case .read(let metric, let namespace) = self else { return nil }
        // A request for a collection is a `list` in Kubernetes' reading, and HPA's own role has it.
        return ResourceAttributes(
            group: ExternalMetricsAPI.group, version: ExternalMetricsAPI.version, resource: metric, namespace: namespace, verb: "list")
    }
}
