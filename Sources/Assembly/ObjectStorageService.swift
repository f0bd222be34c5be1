import Domain
import EventLog
import Foundation
import HTTPTransport
import Logging
import Metrics
import ObjectStorage
import Output
import Pollers

// How do the stores of the configuration become a survey of snapshots?

extension ObjectStorageConfiguration {
    /// - Parameter log: where wants are read and news is written.
    func makeSurvey(_ log: EventLog, secrets: SecretFolder, logger: Logger) throws -> SnapshotSurvey {
        var stores: [ObjectStore] = []
        if let s3 { stores.append(try Self.make(.s3, s3, secrets, logger)) }
        if let gs { stores.append(try Self.make(.gs, gs, secrets, logger)) }
        return SnapshotSurvey(survey, stores: stores, wants: LogSnapshotWants(log, stores: Set(stores.map(\.store))), logger: logger) {
            batch in
            _ = try await log.append(batch)
        }
    }

    private static func make(_ kind: ObjectLocation.Store, _ store: Store, _ secrets: SecretFolder, _ logger: Logger) throws -> ObjectStore
    {
        var configuration = StoreConfiguration(
            endpoint: store.endpoint, region: store.region, credentials: try credentials(kind, store, secrets, logger))
        configuration.authorityFile = store.authorityFile
        configuration.seed = .random(in: .min ... .max)
        do throws(TLSFiles.Fault) { return try ObjectStore(kind, configuration, observer: StoreMetrics()) } catch {
            throw Fault(
                .usage, "objectStorage.\(kind.rawValue).authority: \(error)",
                do: "name a PEM file of the authority that signed the store's certificate")
        }
    }

    private static func credentials(_ kind: ObjectLocation.Store, _ store: Store, _ secrets: SecretFolder, _ logger: Logger) throws
        -> CredentialSource
    {
        switch store.keys {
        case .anonymous: return .anonymous
        case .files(let id, let secret, let sessionToken):
            return .files(id: id, secret: secret, sessionToken: sessionToken) { file in try secrets.token(file) }
        case .environment:
            do throws(CredentialFault) {
                if let source = try .environment(ProcessInfo.processInfo.environment, for: kind) as CredentialSource? { return source }
            } catch { throw Fault(.usage, "objectStorage.\(kind.rawValue): \(error)") }
            let names = CredentialSource.variables(of: kind)
            logger.notice("requests are not signed", metadata: ["store": "\(kind.rawValue)", "unset": "\(names.id), \(names.secret)"])
            return .anonymous
        }
    }
}

/// Requests to stores as swift-metrics.
private struct StoreMetrics: StoreObserving {
    func answered(store: ObjectLocation.Store, operation: String, outcome: String, seconds: Double) {
        let place = [("store", store.rawValue), ("operation", operation)]
        Counter(label: "greenroom_object_storage_requests_total", dimensions: place + [("outcome", outcome)]).increment()
        Timer(label: "greenroom_object_storage_request_seconds", dimensions: place).recordNanoseconds(Int64(clamping: seconds * 1e9))
    }
}
