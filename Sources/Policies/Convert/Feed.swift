internal import Autoscaling
internal import Domain

// Which command sends a metric that Greenroom can't read itself?
//
// One `queue.observed` event by curl, to be run as often as the metric should be looked at: by a CronJob, a sidecar, or
// whatever has the value already. `VALUE` is the number; a metric that can't be had is sent as null with an error, so that
// the policy's fallback counts it.

enum Feed {
    private static let shortestSilenceSeconds = 120

    static func staleAfterSeconds(intervalSeconds: Int) -> Int {
        max(shortestSilenceSeconds, min(max(intervalSeconds, 1), PolicyLimits.pollSeconds) * 4)
    }

    static func silence(_ staleAfterSeconds: Int) -> String {
        "after \(staleAfterSeconds) s of silence (staleAfter) the trigger counts as failed, and fallback says what then"
    }

    /// The lines of a shell command. `fetch` sets VALUE; empty where only the reader knows how.
    static func command(pool: String, metric: String, labels: [Trigger.Label], fetch: [String] = []) -> [String] {
        var json = JSONWriter(reservingBytes: 256)
        json.openObject()
        json.member("specversion", "1.0")
        json.member("type", "dev.greenroom.queue.observed")
        json.member("source", "/feeds/\(metric)")
        json.member("id", idMark)
        json.member("subject", pool)
        json.key("data")
        json.openObject()
        json.member("pool", pool)
        json.member("metric", metric)
        json.member("value", valueMark)
        if !labels.isEmpty {
            json.key("labels")
            json.openObject()
            for label in labels { json.member(label.key, label.value) }
            json.closeObject()
        }
        json.closeObject()
        json.closeObject()
        let body = quoted(String(decoding: json.bytes, as: UTF8.self))
            .replacing("\"\(idMark)\"", with: "\"'\"$(date +%s%N)\"'\"")
            .replacing("\"\(valueMark)\"", with: "'\"$VALUE\"'")
        return fetch + [
            "curl -fsS \"${GREENROOM_URL:-http://127.0.0.1:8080}/v1/events\" ${GREENROOM_TOKEN:+-H \"authorization: Bearer $GREENROOM_TOKEN\"} \\",
            "  -H 'content-type: application/cloudevents+json' -d \(body)",
        ]
    }

    /// What a Prometheus query gives now, in VALUE.
    static func prometheus(_ serverAddress: String?, _ query: String, options: [String]) -> [String] {
        let url = serverAddress.map { quoted("\($0)/api/v1/query") } ?? "\"$PROMETHEUS_URL/api/v1/query\""
        let given = options.map { "\($0) " }.joined()
        return [
            "VALUE=$(curl -fsS --get \(given)\(url) --data-urlencode \(quoted("query=\(query)")) \\",
            "  | jq -er '.data.result | if length == 0 then \"0\" elif type == \"array\" and (.[0] | type) == \"object\" then .[0].value[1] else .[1] end')",
        ]
    }

    /// As one word of a shell.
    static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: "'\\''"))'" }

    /// Marks that no name can contain: names have no spaces.
    private static let idMark = "the id"
    private static let valueMark = "the value"
}
