// What is replayed and verified on request, as OpenAPI has it.

extension OpenAPIDocument {
    private static func answer(_ schema: String) -> String {
        """
        "200":{"description":"The result. With Accept: text/event-stream server-sent events instead: progress as {stage, done, total}, at most five a second, and at the end \
        one result or one problem","content":{"application/json":{"schema":{"$ref":"#/components/schemas/\(schema)"}},"text/event-stream":{"schema":{"type":"string"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"409":{"$ref":"#/components/responses/Problem"},
        "429":{"$ref":"#/components/responses/Busy"},"503":{"$ref":"#/components/responses/Busy"}
        """
    }

    static let lab = """
        "/v1/pools/{namespace}/{name}/whatif":{"post":{"operationId":"whatIf","x-role":"read","summary":"What another policy would have done to a pool in a stretch of the log",
        "description":"The arrivals, turn lengths, restores and worker starts of the log are simulated under the policies that were in force, and under the one in the body, which is the pool's or a \
        shadow's. Nothing is changed. One at a time; at most 5,000,000 events, 500,000 turns and 60 s. A client that leaves ends it.",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"},{"$ref":"#/components/parameters/From"},{"$ref":"#/components/parameters/To"},
        {"name":"seed","in":"query","description":"Worker starts are drawn from the log's own by it","schema":{"type":"integer","minimum":0,"default":1}}],
        "requestBody":{"required":true,"content":{"application/yaml":{"schema":{"type":"string"}},"application/json":{"schema":{"type":"object"}}}},
        "responses":{\(answer("WhatIf"))}}},
        "/v1/log/verify":{"post":{"operationId":"verifyLog","x-role":"read","summary":"Whether the log is what was written, and each decision what follows from it",
        "description":"As greenroom log verify. One at a time, and at most 600 s. A client that leaves ends it.",
        "parameters":[{"name":"skipDecisions","in":"query","description":"Checks the hash chain alone","schema":{"type":"boolean","default":false}}],
        "responses":{\(answer("Verification"))}}}
        """

    static let labSchemas = """
        "WhatIf":{"type":"object","required":["pool","from","to","fromAt","toAt","turns","runs"],"properties":{"pool":{"type":"string"},
        "from":{"type":"integer","description":"The stretch's first position"},"to":{"type":"integer"},
        "fromAt":{"type":"string","format":"date-time"},"toAt":{"type":"string","format":"date-time"},
        "turns":{"type":"integer"},"cut":{"type":"integer","description":"Turns that ran or waited at the end"},"withdrawn":{"type":"integer"},"crashed":{"type":"integer"},
        "forced":{"type":"integer","description":"Claims that the pool couldn't serve"},"measuredStarts":{"type":"integer"},
        "startSeconds":{"type":"number","description":"A worker's start: the median of those measured, or what is assumed where none was"},
        "leftOut":{"type":"array","description":"Triggers of the policy of which the log says nothing","items":{"type":"string"}},
        "runs":{"type":"array","items":{"type":"object","required":["kind","policy","turns","waitSeconds","costRatio","workerSeconds"],"properties":{
        "kind":{"enum":["recorded","inForce","tried"],"description":"What happened; the policies in force, simulated; the policy in the body, simulated"},
        "policy":{"type":"string"},"turns":{"type":"integer"},
        "waitSeconds":{"type":"object","properties":{"mean":{"type":"number"},"p50":{"type":"number"},"p95":{"type":"number"},"p99":{"type":"number"},"max":{"type":"number"}}},
        "unserved":{"type":"integer","description":"Turns that never got a worker; absent where there are none"},
        "costRatio":{"type":"number","description":"Worker-seconds over the seconds that turns ran"},"workerSeconds":{"type":"number"},
        "killed":{"type":"integer"},"flaps":{"type":"integer"},"scaleUps":{"type":"integer"},"scaleDowns":{"type":"integer"},
        "slotsPerWorker":{"type":"integer"},"endSeconds":{"type":"number"},
        "desired":{"type":"array","description":"Seconds after fromAt, and the count from then on","items":{"type":"array","items":{"type":"number"}}},
        "demand":{"type":"array","description":"Of what happened alone","items":{"type":"array","items":{"type":"number"}}}}}}}},
        "Verification":{"type":"object","required":["sound","events","commits","names","lastSeq","lastHash"],"properties":{"sound":{"type":"boolean"},"events":{"type":"integer"},
        "commits":{"type":"integer"},"names":{"type":"integer"},"lastSeq":{"type":"integer"},"lastHash":{"type":"string"},
        "decisions":{"type":"integer","description":"Decisions that were made again"},"position":{"type":"integer","description":"The first that is wrong"},"problem":{"type":"string"},
        "recorded":{"type":"string"},"recomputed":{"type":"string"}}}
        """
}
