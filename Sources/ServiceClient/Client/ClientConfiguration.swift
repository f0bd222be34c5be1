// Whom does a client talk to, and how patient is it?

public struct ClientConfiguration: Hashable, Sendable {
    public var url: BaseURL
    /// Sent as `Authorization: Bearer …`; never logged.
    public var token: String?
    /// PEM of the CA that signed the server's certificate; nil trusts the machine's own.
    public var trustFile: String?
    /// For a server with a certificate that nothing vouches for: encrypted, and open to whoever stands in between.
    public var acceptsAnyCertificate = false
    public var limits = ClientLimits()

    public init(url: BaseURL, token: String? = nil) {
        self.url = url
        self.token = token
    }
}

public struct ClientLimits: Hashable, Sendable {
    /// Requests at the same time; more wait.
    public var inFlight = 100
    /// Requests that wait for one in flight to end; one more fails.
    public var waiting = 1_024
    /// One answer's body.
    public var answerBytes = 64 << 20
    /// One line of a stream.
    public var lineBytes = 1 << 20
    public var connectSeconds = 5.0
    /// From sending a request to the end of its answer. A caller that asks the server to wait asks for more.
    public var answerSeconds = 30.0
    /// A stream that says nothing for this long is broken: servers say something every 15 s.
    public var silenceSeconds = 45.0
    /// Tries of a request that may be sent again.
    public var attempts = 5
    /// Between tries: doubling from the first to the last, half of it random.
    public var backoffFirstSeconds = 0.1
    public var backoffLastSeconds = 5.0

    public init() {}
}
