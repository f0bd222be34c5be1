// State, history and decisions, as OpenAPI has them.

extension OpenAPIDocument {
    static func page(_ schema: String) -> String {
        """
        "200":{"description":"A page","content":{"application/json":{"schema":{"type":"object","required":["items","next"],"properties":{
        "items":{"type":"array","items":{"$ref":"#/components/schemas/\(schema)"}},"next":{"type":["string","integer","null"],"description":"The next page's after; null at the end"}}}}}},
        "400":{"$ref":"#/components/responses/Problem"}
        """
    }

    private static func one(_ schema: String) -> String {
        """
        "200":{"description":"Found","content":{"application/json":{"schema":{"$ref":"#/components/schemas/\(schema)"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"}
        """
    }

    /// Of an actor or a worker that is named without its namespace.
    private static let within = """
        {"name":"namespace","in":"query","description":"The namespace, if several have that name","schema":{"type":"string"}},
        {"name":"pool","in":"query","description":"A pool of that namespace, instead of its name","schema":{"type":"string"}}
        """

    /// One of a name: 409 where several namespaces have it.
    private static func oneOfName(_ schema: String) -> String { one(schema) + ##","409":{"$ref":"#/components/responses/Problem"}"## }

    static let decisionRange = """
        {"$ref":"#/components/parameters/From"},{"$ref":"#/components/parameters/To"},{"$ref":"#/components/parameters/Order"},
        {"$ref":"#/components/parameters/Changes"},{"$ref":"#/components/parameters/Shadow"},{"$ref":"#/components/parameters/AfterSeq"},
        {"$ref":"#/components/parameters/Before"}
        """

    private static let actorPath = """
        {"$ref":"#/components/parameters/Namespace"},{"name":"id","in":"path","required":true,"schema":{"type":"string"}}
        """

    static let state = """
        "/v1/pools":{"get":{"operationId":"listPools","x-role":"read","summary":"All pools by name",
        "parameters":[{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/After"},{"$ref":"#/components/parameters/Limit"}],
        "responses":{\(page("Pool"))}}},
        "/v1/pools/{namespace}/{name}":{"get":{"operationId":"getPool","x-role":"read","summary":"One pool",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"},{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"}],
        "responses":{\(one("Pool"))}},
        "delete":{"operationId":"removePool","x-role":"admin","summary":"Deletes a pool without policy, workers and actors that wait or run; its history stays",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"}],
        "responses":{"204":{"description":"Deleted"},"404":{"$ref":"#/components/responses/Problem"},"409":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/workers":{"get":{"operationId":"listWorkers","x-role":"read","summary":"Workers by name",
        "parameters":[{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Pool"},{"$ref":"#/components/parameters/After"},
        {"$ref":"#/components/parameters/Limit"}],"responses":{\(page("Worker"))}}},
        "/v1/workers/{name}":{"get":{"operationId":"getWorker","x-role":"read","summary":"One worker",
        "parameters":[{"$ref":"#/components/parameters/Name"},{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"},\(within)],"responses":{\(oneOfName("Worker"))}}},
        "/v1/workers/{namespace}/{name}":{"get":{"operationId":"getWorkerOfNamespace","x-role":"read","x-workers":true,"summary":"One worker",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"},{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"}],
        "responses":{\(one("Worker"))}}},
        "/v1/workers/{namespace}/{name}/heartbeat":{"put":{"operationId":"heartbeat","x-role":"ingest","x-workers":true,"summary":"A worker without an open stream says that it is there",
        "description":"Begins its lease anew. Nothing is logged. 404: it isn't known, or was lost; 409: it has no lease, or another worker of its name is ready. Then its actors may run elsewhere.",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"},
        {"name":"uid","in":"query","description":"As in its worker.ready","schema":{"type":"string"}}],
        "responses":{"200":{"description":"Heard","content":{"application/json":{"schema":{"type":"object","required":["ttlSeconds"],"properties":{
        "ttlSeconds":{"type":"integer","description":"From now on"}}}}}},"404":{"$ref":"#/components/responses/Problem"},
        "409":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/actors":{"get":{"operationId":"listActors","x-role":"read","summary":"Actors in order of first appearance",
        "parameters":[{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Pool"},
        {"name":"status","in":"query","description":"For instance waiting or STATUS_WAITING","schema":{"type":"string"}},
        {"$ref":"#/components/parameters/After"},{"$ref":"#/components/parameters/Limit"}],"responses":{\(page("Actor"))}}},
        "/v1/actors/{id}":{"get":{"operationId":"getActor","x-role":"read","summary":"One actor",
        "parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}},{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"},\(within)],
        "responses":{\(oneOfName("Actor"))}}},
        "/v1/actors/{namespace}/{id}":{"get":{"operationId":"getActorOfNamespace","x-role":"read","x-workers":true,"summary":"One actor",
        "parameters":[\(actorPath),{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"}],"responses":{\(one("Actor"))}}},
        "/v1/actors/{id}/history":{"get":{"operationId":"getActorHistory","x-role":"read","summary":"An actor's events, with the seconds between them",
        "parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}},{"$ref":"#/components/parameters/AfterSeq"},
        {"$ref":"#/components/parameters/Limit"},\(within)],"responses":{\(page("Transition")),"404":{"$ref":"#/components/responses/Problem"},
        "409":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/actors/{namespace}/{id}/history":{"get":{"operationId":"getActorHistoryOfNamespace","x-role":"read","summary":"An actor's events, with the seconds between them",
        "parameters":[\(actorPath),{"$ref":"#/components/parameters/AfterSeq"},{"$ref":"#/components/parameters/Limit"}],
        "responses":{\(page("Transition")),"404":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/actors/{id}/placement":{"get":{"operationId":"explainPlacement","x-role":"read","summary":"Why an actor waits, or where it would be placed, and what each tier offers; 404 if it doesn't wait",
        "parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}},{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"},\(within)],
        "responses":{\(oneOfName("PlacementExplanation"))}}},
        "/v1/actors/{namespace}/{id}/placement":{"get":{"operationId":"explainPlacementOfNamespace","x-role":"read","summary":"The same for an actor of a namespace",
        "parameters":[\(actorPath),{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"}],"responses":{\(one("PlacementExplanation"))}}},
        "/v1/decisions":{"get":{"operationId":"listDecisions","x-role":"read","summary":"Decisions in order, of pools' own policies and of their shadows",
        "description":"A page that was looked for long enough may be short and still name the next.",
        "parameters":[{"$ref":"#/components/parameters/Pool"},\(decisionRange),{"$ref":"#/components/parameters/Limit"}],
        "responses":{\(page("Decision"))}}},
        "/v1/decisions/{seq}":{"get":{"operationId":"getDecision","x-role":"read","summary":"The decision at a position",
        "parameters":[{"name":"seq","in":"path","required":true,"schema":{"type":"integer","minimum":1}}],"responses":{\(one("Decision"))}}},
        "/v1/usage":{"get":{"operationId":"getUsage","x-role":"read","summary":"Slot-seconds, turns, waits, restores and bytes in a stretch of the log",
        "description":"Counted from the log. Between two times the stretch is half open: what happened at to belongs to the next one, so that months add up.",
        "parameters":[{"name":"from","in":"query","description":"A position or a time; by default the beginning of the log","schema":{"type":"string"}},
        {"name":"to","in":"query","description":"A position or a time; by default the last commit","schema":{"type":"string"}},
        {"name":"by","in":"query","description":"What a row is","schema":{"enum":["tenant","template","actor","pool"],"default":"tenant"}},
        {"$ref":"#/components/parameters/Pool"},
        {"name":"format","in":"query","description":"CSV has one line for each row","schema":{"enum":["json","csv"],"default":"json"}}],
        "responses":{"200":{"description":"The report","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Usage"}},"text/csv":{"schema":{"type":"string"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Busy"},"503":{"$ref":"#/components/responses/Busy"}}}}
        """
}
