import Domain
import HTTPTransport
import State
import Views

// How did a pool's counts move, and when did they last do that?
//
// Rows of numbers, each with the seconds after the beginning; a row holds until the next. What is asked for is bounded here: how many
// steps, how many pools.

enum SeriesResponses {
    private static let defaultSeconds: Int64 = 3_600
    private static let defaultPoints = 600
    private static let defaultPointsOfMany = 60
    private static let poolsMost: Int64 = 1_000
    private static let defaultPools: Int64 = 100

    @Sendable static func ofPool(_ request: RoutedRequest) async throws -> Response {
        let reader = try reader(request)
        let columns = try columns(request.query)
        let query = try await query(request, points: defaultPoints)
        let view: SeriesView?
        do throws(ControlFault) { view = try await reader.series(of: request.poolName, query) } catch { throw Problem(error) }
        guard let view else { throw unknown(request.poolName) }
        var json = JSONWriter(reservingBytes: 64 * view.rows.count + 1_024)
        write(view, columns, withMarks: true, to: &json)
        return .json(json.bytes)
    }

    @Sendable static func ofMany(_ request: RoutedRequest) async throws -> Response {
        let reader = try reader(request)
        let columns = try columns(request.query)
        var query = try await query(request, points: defaultPointsOfMany)
        query.withMarks = false
        let limit = Int(try request.query.integer("limit", in: 1...poolsMost) ?? defaultPools)
        let views: [SeriesView]
        do throws(ControlFault) {
            views = try await reader.series(query, after: request.query.text("after"), limit: limit + 1)
        } catch { throw Problem(error) }
        var json = JSONWriter(reservingBytes: 4_096)
        json.openObject()
        json.key("items")
        json.openArray()
        for view in views.prefix(limit) { write(view, columns, withMarks: false, to: &json) }
        json.closeArray()
        json.key("next")
        if views.count > limit { json.string(views[limit - 1].pool) } else { json.null() }
        json.closeObject()
        return .json(json.bytes)
    }

    /// The newest moment before a position at which a condition began to hold.
    @Sendable static func when(_ request: RoutedRequest) async throws -> Response {
        guard let text = request.query.text("condition"), let condition = WhenCondition(text) else {
            throw Problem(.invalidRequest, "condition must be one of \(WhenCondition.known)", field: "condition")
        }
        let before = try request.query.integer("before", in: 1...(.max)) ?? .max
        let reader = try reader(request)
        let view: WhenView?
        do throws(ControlFault) {
            view = try await reader.newest(condition, of: request.poolName, before: before)
        } catch { throw Problem(past: error) }
        guard let view else { throw unknown(request.poolName) }
        return .object { json in
            json.member("condition", condition.text)
            json.key("found")
            if let found = view.found {
                json.openObject()
                json.member("seq", found.seq)
                json.member("at", found.at)
                json.closeObject()
            } else {
                json.null()
            }
            json.member("searchedTo", view.searchedTo)
        }
    }

    // MARK: - Parameters

    private static func reader(_ request: RoutedRequest) throws(Problem) -> any SeriesReading {
        guard let series = request.parts.series else { throw Problem(ControlFault.unavailable("this server keeps no series of pools")) }
        return series
    }

    private static func unknown(_ pool: String) -> Problem {
        Problem(.notFound, "there is no pool \(String(pool.prefix(EventLimits.qualifiedNameBytes)))")
    }

    private static func columns(_ query: Query) throws(Problem) -> [SeriesColumn] {
        guard let text = query.text("columns") else { return SeriesColumn.allCases }
        var columns: [SeriesColumn] = []
        for name in text.split(separator: ",") {
            guard let column = SeriesColumn(rawValue: String(name)), !columns.contains(column) else {
                let known = SeriesColumn.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem(.invalidRequest, "columns must be some of \(known), each once", field: "columns")
            }
            columns.append(column)
        }
        return columns
    }

    private static func query(_ request: RoutedRequest, points: Int) async throws -> SeriesQuery {
        let now = request.parts.now()
        let to = try await time(request, "to") ?? now
        let from = try await time(request, "from") ?? to.adding(microseconds: -defaultSeconds * 1_000_000)
        guard from <= to, from >= .zero else {
            throw Problem(.invalidRequest, "from must be a moment since 1970, and not after to", field: "from")
        }
        let points = Int(try request.query.integer("points", in: 2...Int64(SeriesQuery.pointsMost)) ?? Int64(points))
        return SeriesQuery(from: from, to: to, points: points)
    }

    private static func time(_ request: RoutedRequest, _ name: String) async throws -> LogTime? {
        switch try request.query.moment(name) {
        case nil: return nil
        case .time(let time): return time
        case .position(let position):
            let log = request.parts.log
            let place = max(1, min(position, await log.lastPosition))
            return try await log.read(EventPageQuery(after: place - 1, limit: 1)).batches.first?.at ?? .zero
        }
    }

    // MARK: - JSON

    static func write(_ view: SeriesView, _ columns: [SeriesColumn], withMarks: Bool, to json: inout JSONWriter) {
        json.openObject()
        json.member("pool", view.pool)
        json.member("from", view.from)
        json.member("to", view.to)
        json.member("stepSeconds", view.stepSeconds)
        json.member("seq", view.seq)
        json.member("through", view.through)
        json.key("columns")
        json.openArray()
        for column in columns { json.string(column.rawValue) }
        json.closeArray()
        json.key("rows")
        json.openArray()
        for row in view.rows { write(row, columns, to: &json) }
        json.closeArray()
        json.key("bands")
        json.openArray()
        for band in view.bands {
            json.openObject()
            json.member("kind", band.kind)
            json.member("from", band.fromSeconds)
            json.member("to", band.toSeconds)
            json.closeObject()
        }
        json.closeArray()
        if withMarks { writeMarks(view, to: &json) }
        json.closeObject()
    }

    private static func write(_ row: SeriesView.Row, _ columns: [SeriesColumn], to json: inout JSONWriter) {
        json.openArray()
        json.integer(row.seconds)
        for column in columns {
            if let count = column.count {
                json.integer(Int64(row.low[count.rawValue]))
                json.integer(Int64(row.high[count.rawValue]))
            } else {
                json.number(Double(row.waitLowMicroseconds) / 1e6)
                json.number(Double(row.waitHighMicroseconds) / 1e6)
            }
        }
        json.closeArray()
    }

    private static func writeMarks(_ view: SeriesView, to json: inout JSONWriter) {
        json.key("marks")
        json.openArray()
        for mark in view.marks {
            json.openObject()
            json.member("kind", mark.kind)
            json.member("seq", mark.seq)
            json.member("at", mark.at)
            json.member("seconds", mark.at.seconds(since: view.from))
            json.member("count", mark.count)
            json.member("text", mark.text)
            json.closeObject()
        }
        json.closeArray()
        json.member("marksLeftOut", view.marksLeftOut)
    }
}
