import Domain
import HTTPTransport
import Replay
import Views

// Who used how much, between two moments?
//
// Counted from the log on each request (`Replay/Usage/`), as JSON or as CSV.

enum UsageResponses {
    @Sendable static func report(_ request: RoutedRequest) async throws -> Response {
        let query = request.query
        guard let usage = request.parts.usage else {
            throw Problem(.notFound, "this server counts no usage: use `greenroom usage --db` on its log")
        }
        let by = query.text("by") ?? UsageGrouping.tenant.rawValue
        guard let grouping = UsageGrouping(rawValue: by) else {
            let known = UsageGrouping.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(.invalidRequest, "by must be one of \(known)", field: "by")
        }
        let format = query.text("format") ?? "json"
        guard ["json", "csv"].contains(format) else { throw Problem(.invalidRequest, "format must be json or csv", field: "format") }
        let wanted = UsageQuery(
            from: try query.moment("from"), to: try query.moment("to"),
            by: grouping, pool: query.pool())
        let report: UsageReport
        do throws(ControlFault) { report = try await usage(wanted) } catch { throw Problem(error) }
        guard format == "csv" else { return .json(report.json) }
        return Response(contentType: "text/csv; charset=utf-8; header=present", .bytes(report.csv))
    }
}
