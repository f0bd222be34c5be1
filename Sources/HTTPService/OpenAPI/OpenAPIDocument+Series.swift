// What was over time, as OpenAPI has it.

extension OpenAPIDocument {
    private static let poolPath = """
        {"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"}
        """

    private static func answer(_ schema: String) -> String {
        """
        "200":{"description":"Found","content":{"application/json":{"schema":\(schema)}}},
        "400":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Busy"},
        "503":{"$ref":"#/components/responses/Busy"}
        """
    }

    static let series = """
        "/v1/pools/{namespace}/{name}/series":{"get":{"operationId":"poolSeries","x-role":"read","summary":"A pool's counts over time",
        "description":"Steps of equal length, each with the minimum and maximum of every column: of the value it began with and each that it had within. Kept for a day by the second, \
        8 days by 10 s, 70 days by the minute, 2 years by 15 min; the finest that gives at most points steps answers. A row holds until the next; all of it ends at through.",
        "parameters":[\(poolPath),{"$ref":"#/components/parameters/From"},{"$ref":"#/components/parameters/To"},{"$ref":"#/components/parameters/Columns"},
        {"name":"points","in":"query","description":"Steps, at most","schema":{"type":"integer","minimum":2,"maximum":2000,"default":600}}],
        "responses":{\(answer(##"{"$ref":"#/components/schemas/Series"}"##))}}},
        "/v1/series":{"get":{"operationId":"listSeries","x-role":"read","summary":"The same of many pools, by name and without marks",
        "parameters":[{"$ref":"#/components/parameters/From"},{"$ref":"#/components/parameters/To"},{"$ref":"#/components/parameters/Columns"},
        {"name":"points","in":"query","description":"Steps, at most","schema":{"type":"integer","minimum":2,"maximum":2000,"default":60}},
        {"$ref":"#/components/parameters/After"},
        {"name":"limit","in":"query","description":"Pools of one page","schema":{"type":"integer","minimum":1,"maximum":1000,"default":100}}],
        "responses":{\(page("Series")),"503":{"$ref":"#/components/responses/Busy"}}}},
        "/v1/pools/{namespace}/{name}/decisions":{"get":{"operationId":"poolDecisions","x-role":"read","summary":"Decisions of a pool's own policy, or of one shadow, the newest first",
        "description":"A page that was looked for long enough may be short and still name the next: give it as before, or with order=asc as after.",
        "parameters":[\(poolPath),\(decisionRange),
        {"name":"limit","in":"query","description":"Items of one page","schema":{"type":"integer","minimum":1,"maximum":1000,"default":100}}],
        "responses":{\(page("Decision"))}}},
        "/v1/pools/{namespace}/{name}/when":{"get":{"operationId":"poolWhen","x-role":"read","summary":"The newest moment at which a condition began to hold",
        "parameters":[\(poolPath),
        {"name":"condition","in":"query","description":"demand, desired, ready, busy, starting or waiting with <, <=, >, >= or = and a whole number; oldestWait>SECONDS; policy; paused; crash","schema":{"type":"string"}},
        {"$ref":"#/components/parameters/Before"}],
        "responses":{\(answer(##"{"type":"object","required":["condition","found","searchedTo"],"properties":{"condition":{"type":"string"},"found":{"type":["object","null"],"properties":{"seq":{"type":"integer","description":"The last position at that moment"},"at":{"type":"string","format":"date-time"}}},"searchedTo":{"type":"integer","description":"If nothing was found and this isn't 0, go on with it as before"}}}"##))}}},
        "/v1/nodes":{"get":{"operationId":"listNodes","x-role":"read","summary":"Nodes by name: their workers, slots and caches",
        "parameters":[{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/After"},{"$ref":"#/components/parameters/Limit"}],
        "responses":{\(page("Node"))}}},
        "/v1/moments":{"get":{"operationId":"moment","x-role":"read","summary":"Which position a time is, and where the log ends",
        "parameters":[{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"}],
        "responses":{"200":{"description":"Found","content":{"application/json":{"schema":{"type":"object","required":["seq","at","head","headAt","first","now"],"properties":{
        "seq":{"type":"integer","description":"The last position at that moment; the head's without at"},"at":{"type":["string","null"],"format":"date-time"},
        "head":{"type":"integer"},"headAt":{"type":["string","null"],"format":"date-time"},"first":{"type":["string","null"],"format":"date-time","description":"When the log begins"},
        "now":{"type":"string","format":"date-time","description":"The log's time"}}}}}},"400":{"$ref":"#/components/responses/Problem"}}}}
        """

    static let seriesSchemas = """
        "Series":{"type":"object","required":["pool","from","to","stepSeconds","seq","through","columns","rows","bands"],"properties":{"pool":{"type":"string"},
        "from":{"type":"string","format":"date-time"},"to":{"type":"string","format":"date-time"},"stepSeconds":{"type":"integer"},
        "seq":{"type":"integer","description":"Folded up to this position"},"through":{"type":"string","format":"date-time","description":"The last row holds until then"},
        "columns":{"type":"array","items":{"type":"string"}},
        "rows":{"type":"array","description":"Seconds after from, then minimum and maximum of each column","items":{"type":"array","items":{"type":"number"}}},
        "bands":{"type":"array","description":"Steps in which it held at any time","items":{"type":"object","properties":{
        "kind":{"enum":["cooldown","stabilization","rateLimit","pause","fallback","schedule","failing"]},"from":{"type":"integer"},"to":{"type":"integer"}}}},
        "marks":{"type":"array","description":"Those of one kind in one step are one: count, and the last","items":{"type":"object","properties":{
        "kind":{"enum":["policy","pause","foreign","scaleFailed","crash","workerLost"]},"seq":{"type":"integer"},"at":{"type":"string","format":"date-time"},
        "seconds":{"type":"number"},"count":{"type":"integer"},"text":{"type":"string"}}}},"marksLeftOut":{"type":"integer"}}},
        "Node":{"type":"object","required":["node","pools","workers","slots","used"],"properties":{"node":{"type":"string"},"zone":{"type":"string"},
        "pools":{"type":"array","items":{"type":"string"}},"workers":{"type":"integer"},"free":{"type":"integer"},"draining":{"type":"integer"},"slots":{"type":"integer"},
        "used":{"type":"integer"},"snapshots":{"type":"integer"},"snapshotBytes":{"type":"integer"},"capacityBytes":{"type":"integer"},
        "lastSeenSeconds":{"type":"number","description":"The latest sign of life of its workers; absent without a lease"}}},
        "Why":{"type":"object","description":"A step from demand to the count","required":["step","code","numbers","text","policy"],"properties":{"step":{"type":"string"},"code":{"type":"string"},
        "numbers":{"type":"object"},"text":{"type":"string"},"policy":{"type":["object","null"],"description":"The line of the policy that it goes by","properties":{
        "path":{"type":"string"},"text":{"type":"string"}}},"orderSeq":{"type":"integer","description":"Of the operator's pause that stands over the policy"}}}
        """
}
