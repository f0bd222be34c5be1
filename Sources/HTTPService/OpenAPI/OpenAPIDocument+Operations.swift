// Policies, health and what describes the service itself, as OpenAPI has them.

extension OpenAPIDocument {
    private static let decided = """
        "200":{"description":"The decision that follows","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Decision"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"404":{"$ref":"#/components/responses/Problem"},"409":{"$ref":"#/components/responses/Problem"},
        "429":{"$ref":"#/components/responses/Busy"},"503":{"$ref":"#/components/responses/Busy"}
        """

    static let policies = """
        "/v1/policies":{"get":{"operationId":"listPolicies","x-role":"read","summary":"All policies",
        "parameters":[{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"}],
        "responses":{"200":{"description":"All policies","content":{"application/json":{"schema":{"type":"object","required":["items","next"],"properties":{
        "items":{"type":"array","items":{"$ref":"#/components/schemas/Policy"}},"next":{"type":"null"}}}}}}}}},
        "/v1/policies/{namespace}/{name}":{
        "get":{"operationId":"getPolicy","x-role":"read","summary":"The policy of a pool",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"},{"$ref":"#/components/parameters/At"},{"$ref":"#/components/parameters/Folded"}],
        "responses":{"200":{"description":"Found","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Policy"}}}},
        "404":{"$ref":"#/components/responses/Problem"}}},
        "put":{"operationId":"putPolicy","x-role":"admin","summary":"Applies a policy to a pool, or with dryRun says what it would decide",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"},
        {"name":"dryRun","in":"query","description":"Decides and changes nothing","schema":{"type":"boolean","default":false}}],
        "requestBody":{"required":true,"content":{"application/yaml":{"schema":{"type":"string"}},"application/json":{"schema":{"type":"object"}}}},
        "responses":{\(decided)}},
        "delete":{"operationId":"removePolicy","x-role":"admin","summary":"Deletes a pool's policy",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"}],
        "responses":{"204":{"description":"Removed"},"404":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/pools/{namespace}/{name}/pause":{"put":{"operationId":"pausePool","x-role":"admin","summary":"Pauses or resumes a pool",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"$ref":"#/components/parameters/Name"}],
        "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","additionalProperties":false,"properties":{
        "in":{"type":"boolean","default":false,"description":"No scale-down"},"out":{"type":"boolean","default":false,"description":"No scale-up"},
        "hold":{"type":["integer","null"],"minimum":0,"description":"Exactly this many workers; overrides in and out"}}}}}},
        "responses":{\(decided)}}}
        """

    private static func health(_ id: String, _ summary: String) -> String {
        """
        {"get":{"operationId":"\(id)","security":[{}],"summary":"\(summary)",
        "responses":{"200":{"description":"The service runs","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Health"}}}}}}}
        """
    }

    static let operations = """
        "/healthz":\(health("health", "Whether the service runs")),
        "/livez":\(health("live", "Whether the service runs")),
        "/readyz":{"get":{"operationId":"ready","security":[{}],"summary":"Whether the service is ready, check by check",
        "responses":{"200":{"description":"Ready","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Health"}}}},
        "503":{"description":"Not ready: the failing checks say why","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Health"}}}}}}},
        "/metrics":{"get":{"operationId":"metrics","x-role":"read","summary":"Metrics for Prometheus; OpenMetrics by Accept",
        "responses":{"200":{"description":"Text","content":{"text/plain":{"schema":{"type":"string"}},"application/openmetrics-text":{"schema":{"type":"string"}}}},
        "404":{"$ref":"#/components/responses/Problem"}}}},
        "/openapi.json":{"get":{"operationId":"openapi","security":[{}],"summary":"This document",
        "responses":{"200":{"description":"OpenAPI 3.1","content":{"application/json":{"schema":{"type":"object"}}}}}}}
        """
}
