import Domain

enum Batches {
    /// 100 events of 60 kB each.
    static func large(_ part: Int) -> EventBatch {
        var batch = EventBatch()
        let body = Array(#"{"reason":"\#(String(repeating: "r", count: 60_000))"}"#.utf8)
        for number in 0..<100 {
            batch.append(
                .actorRequested, source: "large", id: "\(part)-\(number)", subject: "actor-\(number)", pool: "default/agents", body: body)
        }
        return batch
    }

    static func decision(_ id: String, pool: String = "default/agents") -> EventBatch {
        var batch = EventBatch()
        let body =
            #"{"from":2,"to":5,"direction":"up","why":[{"step":"buffer","code":"Demand","text":"5 actors wait"},{"step":"bounds","code":"Max","text":"at most 5"}],"inputs":{},"digest":"d"}"#
        batch.append(.scaleDecided, source: "greenroom", id: id, subject: pool, pool: pool, body: Array(body.utf8))
        return batch
    }
}
