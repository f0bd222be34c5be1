// Events and placements, as OpenAPI has them.

extension OpenAPIDocument {
    static let events = """
        "/v1/events":{
        "post":{"operationId":"appendEvents","x-role":"ingest","x-workers":true,"summary":"Appends events",
        "description":"All events of a request are appended or none, and it is answered once they are durable. An event with a source and id that the log has is \
        not appended again: the answer names its first position, and under conflicts those that say something else than the first one did; if \
        all of a request do, it is 409. With the role worker alone a request may have worker.ready, worker.draining, worker.gone, actor.running, actor.idle, actor.paused, \
        actor.suspended, actor.crashed, snapshot.cached and snapshot.evicted. A stream of lines is appended in chunks as it arrives; a bad line ends it, and the problem says how \
        many events before it are durable.",
        "requestBody":{"required":true,"content":{
        "application/cloudevents-batch+json":{"schema":{"type":"array","maxItems":10000,"items":{"$ref":"#/components/schemas/CloudEvent"}}},
        "application/x-ndjson":{"schema":{"type":"string","description":"One event a line"}},
        "application/*":{"schema":{"description":"application/cloudevents+json: one event. Any other type of JSON (application/json, text/json, one that ends in \
        +json): binary mode, where the body is the event's data and its attributes are ce-* headers, percent-encoded",
        "anyOf":[{"$ref":"#/components/schemas/CloudEvent"},{"type":"object"}]}}}},
        "responses":{
        "200":{"description":"Durable","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Acknowledgement"}},
        "application/x-ndjson":{"schema":{"type":"string","description":"One acknowledgement for each chunk, for a stream of lines sent with this Accept"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"401":{"$ref":"#/components/responses/Problem"},"403":{"$ref":"#/components/responses/Problem"},
        "408":{"$ref":"#/components/responses/Problem"},"409":{"$ref":"#/components/responses/Problem"},"413":{"$ref":"#/components/responses/Problem"},"415":{"$ref":"#/components/responses/Problem"},
        "429":{"$ref":"#/components/responses/Busy"},"503":{"$ref":"#/components/responses/Busy"}}},
        "get":{"operationId":"readEvents","x-role":"read","x-workers":true,"summary":"Reads or follows events",
        "description":"One event a line, each with seq and at; with Accept: text/event-stream as server-sent events whose id is seq. follow goes on with new events \
        and says something at least every 15 s: an empty line, or a comment. from, to and before bound what is read, and order=desc reads the newest first: go on with before. With worker and kind=actor.placed it is a worker's own stream: its lease doesn't end while \
        it is open. With the role worker alone give worker, and kind with some of actor.placed, worker.ready, worker.draining, worker.gone.",
        "parameters":[
        {"name":"after","in":"query","description":"Only events after this position; latest for new events only","schema":{"type":"string","default":"0"}},
        {"$ref":"#/components/parameters/Pool"},
        {"name":"subject","in":"query","description":"Events about this actor, worker or pool: NAMESPACE/NAME, or a name in any namespace","schema":{"type":"string"}},
        {"name":"worker","in":"query","description":"Events about this worker or of actors on it","schema":{"type":"string"}},
        {"$ref":"#/components/parameters/From"},{"$ref":"#/components/parameters/To"},{"$ref":"#/components/parameters/Before"},{"$ref":"#/components/parameters/Order"},
        {"name":"kinds","in":"query","description":"The same as kind, which it overrides","schema":{"type":"string"}},
        {"name":"kind","in":"query","description":"Kinds separated by commas, for instance actor.running,actor.idle","schema":{"type":"string"}},
        {"name":"limit","in":"query","description":"The largest number of events; default 1000, unlimited with follow","schema":{"type":"integer","minimum":1}},
        {"name":"follow","in":"query","schema":{"type":"boolean","default":false}},
        {"name":"Last-Event-ID","in":"header","description":"Continues after this position; overrides after","schema":{"type":"integer"}}],
        "responses":{"200":{"description":"Events in order","content":{
        "application/x-ndjson":{"schema":{"$ref":"#/components/schemas/LoggedEvent"}},"text/event-stream":{"schema":{"type":"string"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Busy"}}}},
        "/v1/watch":{"get":{"operationId":"watch","x-role":"read","summary":"Watches pools, workers, actors, decisions and events in one stream",
        "description":"Server-sent events: the event is the topic, the id a position, the data JSON. board, pool and workers begin with the newest state and are told again when \
        it changed; actors tells those that changed; decisions and events what was logged. At most four messages of a topic a second; a slow client gets fewer, and the newest state. \
        A message of board says at which time its ages were so, and what time it is. skipped and reset mean that more happened than a message holds. At most 200 watches, and 32 of one token.",
        "parameters":[
        {"name":"topics","in":"query","description":"Some of board, pool, workers, actors, decisions, events, separated by commas","schema":{"type":"string"}},
        {"name":"pool","in":"query","description":"NAMESPACE/NAME: needed for pool, workers and actors; limits decisions and events","schema":{"type":"string"}},
        {"name":"after","in":"query","description":"actors, decisions and events from after this position on; from now on by default","schema":{"type":"integer","minimum":0}},
        {"name":"Last-Event-ID","in":"header","description":"Continues after this position; overrides after","schema":{"type":"integer"}}],
        "responses":{"200":{"description":"Messages","content":{"text/event-stream":{"schema":{"type":"string"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Busy"}}}}
        """

    static let placements = """
        "/v1/placements":{"post":{"operationId":"place","x-role":"ingest","summary":"Requests a worker",
        "parameters":[{"name":"traceparent","in":"header","description":"W3C Trace Context of the caller; the turn becomes a part of that trace","schema":{"type":"string"}}],
        "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","required":["actor","pool"],"additionalProperties":false,"properties":{
        "actor":{"type":"string","description":"Its name in the pool's namespace, or NAMESPACE/NAME"},"pool":{"type":"string","description":"NAMESPACE/NAME"},"template":{"type":"string"},
        "selector":{"type":"object","additionalProperties":{"type":"string"},"description":"Labels the worker must have"},
        "waitSeconds":{"type":"number","minimum":0,"maximum":600,"default":0,"description":"How long to wait for a worker"},
        "wait":{"type":"number","minimum":0,"maximum":600,"deprecated":true,"description":"Older name of waitSeconds, which overrides it"},
        "priority":{"type":"integer","default":0},"expectedMillis":{"type":"integer","minimum":0},
        "deadline":{"type":"string","format":"date-time","description":"By when the worker is needed: if the actor still waits then, it is withdrawn"},
        "id":{"type":"string","maxLength":256,"description":"The caller's name for this request, one for each turn of an actor: sent again, it begins no second turn and is answered with what came of the first"}}}}}},
        "responses":{
        "200":{"description":"Placed; or, of an id that was sent before, the placement whose turn is over","content":{"application/json":{"schema":{
        "anyOf":[{"$ref":"#/components/schemas/Placement"},{"$ref":"#/components/schemas/EndedPlacement"}]}}}},
        "202":{"description":"Still waiting","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Waiting"}}}},
        "400":{"$ref":"#/components/responses/Problem"},"409":{"$ref":"#/components/responses/Problem"},"429":{"$ref":"#/components/responses/Busy"},
        "503":{"$ref":"#/components/responses/Busy"}}}},
        "/v1/placements/{actor}":{"delete":{"operationId":"withdraw","x-role":"ingest","summary":"Withdraws a placement",
        "parameters":[{"name":"actor","in":"path","required":true,"schema":{"type":"string"}},
        {"name":"namespace","in":"query","description":"The actor's namespace, if several have that name","schema":{"type":"string"}},
        {"name":"pool","in":"query","description":"A pool of that namespace, instead of its name","schema":{"type":"string"}}],
        "responses":{"204":{"description":"Withdrawn"},"404":{"$ref":"#/components/responses/Problem"},"409":{"$ref":"#/components/responses/Problem"}}}},
        "/v1/placements/{namespace}/{actor}":{"delete":{"operationId":"withdrawOfNamespace","x-role":"ingest","summary":"Withdraws a placement",
        "parameters":[{"$ref":"#/components/parameters/Namespace"},{"name":"actor","in":"path","required":true,"schema":{"type":"string"}}],
        "responses":{"204":{"description":"Withdrawn"},"404":{"$ref":"#/components/responses/Problem"},"409":{"$ref":"#/components/responses/Problem"}}}}
        """
}
