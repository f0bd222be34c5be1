package import HTTPTypes
package import NIOCore

// Who says what the answers are?
//
// The transport reads requests, holds every limit and writes answers; a responder knows what is asked and what the answer is. A port
// has one responder for each of its event loops, which is touched on that loop alone and needs no lock.
//
//     head ─→ admit ─┬→ Admission.whole ─→ the body is collected ─→ RequestHandling.respond
//                    ├→ Admission.bodiless → the body is counted and thrown away → RequestHandling.respond
//                    ├→ Admission.parts ─→ BodyReceiving, as the body comes
//                    └→ throws an Answer: refused before a byte of the body is there
//
// A handler answers by the exchange it is given: at once (`answer`, `write`), later on the loop, in parts, or by a task (`run`).

package protocol Responder: AnyObject {
    /// What it remembers of a connection while that lasts: `Exchange.memory`. Called once it is settled which protocol is spoken.
    ///
    /// - Parameter certificate: reads what the client showed and TLS has verified, in DER; nil where it showed none.
    func met(certificate: () -> [UInt8]?) -> AnyObject?

    /// Everything that can be refused before a byte of the body is there, and who takes the request. Sets `exchange.route`.
    func admit(_ head: HTTPRequest, _ facts: HeadFacts, _ exchange: Exchange) throws(Response) -> Admission

    /// What the transport refuses, in this port's words.
    func response(to refusal: Refusal) -> Response

    /// What a task threw; logged here where it is a fault of ours.
    func response(to error: any Error, route: Int?) -> Response

    /// An answer is complete: for the meters. `route` is nil where the request never had one.
    func answered(route: Int?, status: Int, nanoseconds: Int64)

    /// The `Date` of answers, new every second.
    func dateChanged(_ date: String)

    /// The loop ends: nobody is left to be answered.
    func closed()
}

package enum Admission {
    /// The body is collected, and handed over as a whole.
    case whole(any RequestHandling)
    /// No body is wanted: one that comes is read past, up to the limit of a body.
    case bodiless(any RequestHandling)
    /// The body is handed over as it comes, without a limit of its own.
    case parts(any BodyReceiving)
}

/// Answers requests that are here as a whole. May serve many exchanges: what belongs to one is in the exchange.
package protocol RequestHandling: AnyObject {
    func respond(to exchange: Exchange, body: ByteBuffer?)
}

/// Takes one request's body as it comes, and answers it.
package protocol BodyReceiving: AnyObject {
    func receive(_ bytes: ByteBuffer, _ exchange: Exchange)
    /// What was read from the socket in one go is over.
    func readCompleted(_ exchange: Exchange)
    func ended(_ exchange: Exchange)
    /// No more of it comes, or will be taken; `refusal` says why.
    func stopped(_ refusal: Refusal, _ exchange: Exchange)
    /// The client takes again what is written.
    func writable(_ exchange: Exchange)
}
