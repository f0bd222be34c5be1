// Is a snapshot there, and how large is it?
//
// A snapshot is one object, or all that lies in a folder: its URI is looked at as an object first, then as a folder. That it is
// gone is said only where the bucket itself answered and lists nothing: a missing bucket or a missing right is a fault.

package enum SnapshotPresence: Hashable, Sendable {
    case present(bytes: Int64)
    case gone
}

extension ObjectStore {
    package func snapshot(at location: ObjectLocation) async throws -> SnapshotPresence {
        if !location.key.isEmpty, !location.key.hasSuffix("/"), let bytes = try await size(of: location) { return .present(bytes: bytes) }
        guard !location.key.isEmpty else { throw StoreFault(.badLocation, .head(location), "it names a whole bucket, not a snapshot") }
        let parts = try await objects(under: location.asFolder)
        return parts.isEmpty ? .gone : .present(bytes: ByteSum.of(parts))
    }
}

enum ByteSum {
    /// Stops at the largest number.
    static func of(_ objects: [ListPage.Object]) -> Int64 {
        objects.reduce(0) { sum, object in
            let (total, overflow) = sum.addingReportingOverflow(object.bytes)
            return overflow ? .max : total
        }
    }
}
