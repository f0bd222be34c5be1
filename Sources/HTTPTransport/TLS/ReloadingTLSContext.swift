package import Logging
package import NIOSSL
import Synchronization

// With which certificate does the next connection begin?
//
// The files are read when the server starts; a fault ends the start. They are read again whenever their contents change; after a
// fault the earlier certificate stays, and the fault is logged once. A new certificate is for new connections: those that are open
// keep theirs, so nothing is dropped. Contents are compared, not times of change. So a file that is replaced twice within one tick
// of the file system's clock is noticed, and so is one that Kubernetes swaps behind a symbolic link. Who vouches for clients may
// come from elsewhere than a file: `trustClients` puts it in force for the connections that begin then.
//
//     let tls = try ReloadingTLSContext(TLSFiles(certificateFile: …, keyFile: …))
//     bootstrap.childChannelInitializer { … NIOSSLServerHandler(context: tls.current) … }
//     Task { await tls.watch(log: log) }          // ends when it is cancelled

package final class ReloadingTLSContext: Sendable {
    /// How often the files are looked at.
    package static let lookEverySeconds = 1.0

    private struct State {
        var contents: TLSFiles.Contents
        var identity: TLSFiles.Identity
        var context: NIOSSLContext
        /// In place of a file's.
        var clientAuthority: [UInt8]?
    }

    package let files: TLSFiles
    private let state: Mutex<State>

    package init(_ files: TLSFiles) throws(TLSFiles.Fault) {
        self.files = files
        let contents = try files.read()
        let identity = try files.identity(contents)
        state = Mutex(State(contents: contents, identity: identity, context: try files.context(contents, identity)))
    }

    /// For the connection that begins now.
    package var current: NIOSSLContext { state.withLock { $0.context } }

    /// For whoever makes contexts of its own.
    package var identity: TLSFiles.Identity { state.withLock { $0.identity } }

    /// Reads the files again; true where there is a new identity.
    package func reloadIfChanged() throws(TLSFiles.Fault) -> Bool {
        try renew(clientAuthority: state.withLock { $0.clientAuthority })
    }

    /// Believes client certificates that this authority (PEM) vouches for, from the next connection on; true where it is another
    /// than before. nil takes the file's again, if there is one.
    package func trustClients(of authority: [UInt8]?) throws(TLSFiles.Fault) -> Bool { try renew(clientAuthority: authority) }

    private func renew(clientAuthority: [UInt8]?) throws(TLSFiles.Fault) -> Bool {
        var contents = try files.read()
        if let clientAuthority { contents.clientAuthority = clientAuthority }
        guard state.withLock({ $0.contents != contents }) else { return false }
        let identity = try files.identity(contents)
        let context = try files.context(contents, identity)
        state.withLock { $0 = State(contents: contents, identity: identity, context: context, clientAuthority: clientAuthority) }
        return true
    }

    /// Looks at the files until the task is cancelled.
    package func watch(everySeconds seconds: Double = lookEverySeconds, log: Logger) async {
        var lastFault: TLSFiles.Fault?
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(seconds))
            do throws(TLSFiles.Fault) {
                if try reloadIfChanged() {
                    log.notice("certificates were read again", metadata: ["certificate": "\(files.certificateFile)"])
                }
                lastFault = nil
            } catch {
                // Said once, not every second.
                if error != lastFault { log.error("the certificate from before stays in use: \(error)") }
                lastFault = error
            }
        }
    }
}
