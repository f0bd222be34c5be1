// Whom does a client talk to, and how patient is it?

package struct ClientConfiguration: Hashable, Sendable {
    package var url: BaseURL
    /// Sent as `Authorization: Bearer …`; never logged.
    package var token: String?
    /// PEM of the CA that signed the server's certificate; nil trusts the machine's own.
    package var trustFile: String?
    package var limits = ClientLimits()

    package init(url: BaseURL, token: String? = nil) {
        self.url = url
        self.token = token
    }
}

package struct ClientLimits: Hashable, Sendable {
    /// Requests at the same time; more wait.
    package var inFlight = 100
    /// Requests that wait for one in flight to end; one more fails.
    package var waiting = 1_024
    /// One answer's body.
    package var answerBytes = 64 << 20
    /// One line of a stream.
    package var lineBytes = 1 << 20
    package var connectSeconds = 5.0
    /// From sending a request to the end of its answer. A caller that asks the server to wait asks for more.
    package var answerSeconds = 30.0
    /// A stream that says nothing for this long is broken: servers say something every 15 s.
    package var silenceSeconds = 45.0
    /// Tries of a request that may be sent again.
    package var attempts = 5
    /// Between tries: doubling from the first to the last, half of it random.
    package var backoffFirstSeconds = 0.1
    package var backoffLastSeconds = 5.0

    package init() {}
}
