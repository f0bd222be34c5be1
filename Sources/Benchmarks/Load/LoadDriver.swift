package import NIOCore
package import ServiceClient
import NIOPosix
import NIOSSL

// How fast does a server answer?
//
// All connections of a run share one event loop, which costs one core tens of thousands of requests a second less than
// the server they are sent to. The report says what came back and how long it took.

package enum LoadDriver {
    /// - Throws: `ClientError.unreachable` where not every connection could be opened. What fails later is in the report.
    package static func run(_ plan: LoadPlan, on chosen: (any EventLoop)? = nil) async throws(ClientError) -> LoadReport {
        let eventLoop = chosen ?? MultiThreadedEventLoopGroup.singleton.any()
        let block = LoadHeader.block(of: plan)
        var reports: [EventLoopFuture<LoadReport>] = []
        var channels: [any Channel] = []
        do {
            let tls = try plan.url.isSecure ? TLSTrust.context(ClientConfiguration(load: plan)) : nil
            for index in 0..<plan.connections {
                let (channel, report) = try await connect(plan, index, block, tls, eventLoop)
                channels.append(channel)
                reports.append(report)
            }
            var total = LoadReport()
            for report in reports { total.merge(try await report.get()) }
            return total
        } catch {
            for channel in channels { channel.close(promise: nil) }
            throw .unreachable(url: plan.url.description, reason: ClientError.reason(error))
        }
    }

    private static func connect(
        _ plan: LoadPlan, _ index: Int, _ block: ByteBuffer, _ tls: NIOSSLContext?, _ eventLoop: any EventLoop
    ) async throws -> (any Channel, EventLoopFuture<LoadReport>) {
        let done = eventLoop.makePromise(of: LoadReport.self)
        // The first connections send the remainder.
        let share = plan.requests.map { $0 / plan.connections + (index < $0 % plan.connections ? 1 : 0) } ?? .max
        let bootstrap = ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 16)
            .channelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2_048, initial: 16_384, maximum: 65_536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: TLSTrust.serverName(plan.url.host)))
                    }
                    let connection = LoadConnection(plan: plan, index: index, requestsMost: share, block: block, done: done)
                    try pipeline.addHandler(connection)
                    watch(connection, channel, plan)
                }
            }
        do {
            return (try await bootstrap.connect(host: plan.url.host, port: plan.url.port).get(), done.futureResult)
        } catch {
            done.fail(error)
            throw error
        }
    }

    /// The clock of a connection: paces a rate, ends a run, and notices a server that went silent.
    private static func watch(_ connection: LoadConnection, _ channel: any Channel, _ plan: LoadPlan) {
        let bound = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        let period = TimeAmount.milliseconds(plan.ratePerSecond == nil ? 50 : 1)
        let clock = channel.eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in bound.value.checkSilence() }
        channel.closeFuture.whenComplete { _ in clock.cancel() }
    }
}

extension ClientConfiguration {
    fileprivate init(load plan: LoadPlan) {
        self.init(url: plan.url)
        trustFile = plan.trustFile
    }
}
