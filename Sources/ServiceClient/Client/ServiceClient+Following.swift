package import Domain

// How does a program keep up with the log?
//
// It follows the stream of events and remembers the last position it was given, so a break costs nothing: the next
// connection goes on right after it. Breaks are retried for as long as the caller wants to follow.

extension ServiceClient {
    /// Calls `take` with each event's position and line, in order and each once, until it answers false, the server refuses,
    /// or the task is cancelled.
    ///
    /// - Parameters:
    ///   - query: further parameters of `GET /v1/events`, encoded, for instance `pool=default%2Fagents`.
    ///   - take: may take its time: what it has not taken is not read.
    package nonisolated func follow(
        after: Position, query: String = "", _ take: @escaping @Sendable (Position, [UInt8]) async -> Bool
    ) async throws(ClientError) {
        var place = FollowPlace(after: after)
        var backoff = RetryBackoff(configuration.limits)
        while true {
            let from = place
            let result = await followOnce(from, query, take)
            if result.place.after > place.after { backoff.reset() }
            place = result.place
            if result.isDone { return }
            if let error = result.error, !error.isTransient { throw error }
            do { try await Task.sleep(for: .seconds(backoff.nextSeconds())) } catch { throw .cancelled }
        }
    }

    private struct FollowPlace: Sendable {
        var after: Position
    }

    private nonisolated func followOnce(
        _ from: FollowPlace, _ query: String, _ take: @escaping @Sendable (Position, [UInt8]) async -> Bool
    ) async -> (place: FollowPlace, isDone: Bool, error: ClientError?) {
        let path = "/v1/events?follow=true&after=\(from.after)" + (query.isEmpty ? "" : "&\(query)")
        do throws(ClientError) {
            return try await withLines(.get(path)) { lines in
                var place = from
                do throws(ClientError) {
                    while let line = try await lines.next() {
                        guard let seq = EventLine.position(line) else { throw .unexpected(url: path, reason: "a line without seq") }
                        guard await take(seq, line) else { return (place, true, nil) }
                        place.after = seq
                    }
                    return (place, false, nil)
                } catch {
                    return (place, false, error)
                }
            }
        } catch {
            return (from, false, error)
        }
    }
}

/// The position in front of every line: `{"seq":41,…`.
package enum EventLine {
    package static func position(_ line: [UInt8]) -> Position? {
        let prefix = Array("{\"seq\":".utf8)
        guard line.starts(with: prefix) else { return nil }
        var value: Position = 0
        var digits = 0
        for byte in line.dropFirst(prefix.count) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), digits < 18 else { break }
            value = value * 10 + Position(byte - UInt8(ascii: "0"))
            digits += 1
        }
        return digits > 0 ? value : nil
    }
}
