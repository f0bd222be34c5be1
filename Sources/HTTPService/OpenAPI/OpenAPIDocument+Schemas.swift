import Domain

// The shapes of what goes in and comes out.

extension OpenAPIDocument {
    /// Types as producers write them: those that Greenroom alone writes are left out.
    private static let producedTypes = EventKind.allCases.filter { !$0.isOurs }.map { "\"\(EventKind.typePrefix)\($0.name)\"" }.joined(
        separator: ",")

    static let schemas = """
        "CloudEvent":{"type":"object","required":["specversion","type","source","id"],"additionalProperties":{"type":["string","number","boolean"]},"properties":{
        "specversion":{"const":"1.0"},"type":{"enum":[\(producedTypes)]},"source":{"type":"string","minLength":1,"maxLength":\(EventLimits.nameBytes)},
        "id":{"type":"string","minLength":1,"maxLength":\(EventLimits.idBytes)},
        "subject":{"type":"string","maxLength":\(EventLimits.nameBytes),"description":"The actor, worker, node or pool it is about"},
        "time":{"type":"string","format":"date-time"},"datacontenttype":{"type":"string","description":"application/json, text/json or a type that ends in +json; a charset is UTF-8"},
        "sequence":{"type":["string","integer"],"description":"Rises with each event of its source, in the order of its text"},
        "data":{"type":"object","description":"The kind's fields; other fields are kept and returned"},
        "data_base64":{"type":"string","contentEncoding":"base64","description":"Instead of data: its JSON in Base64"}}},
        "LoggedEvent":{"allOf":[{"$ref":"#/components/schemas/CloudEvent"},{"type":"object","required":["seq","at"],"properties":{
        "seq":{"type":"integer"},"at":{"type":"string","format":"date-time"},"superseded":{"type":"boolean"},
        "namespace":{"type":"string","description":"Of an actor or a worker: its namespace, within which subject and data.worker are names"},
        "ambiguous":{"type":"boolean","description":"Its name fits several actors or workers: it changes nothing"}}}]},
        "Acknowledgement":{"type":"object","required":["accepted","duplicates","firstSeq","lastSeq"],"properties":{
        "accepted":{"type":"integer","description":"New in the log"},"duplicates":{"type":"integer","description":"Already in the log, by source and id"},
        "firstSeq":{"type":"integer","description":"The smallest position of the request's events; 0 if it has none"},
        "lastSeq":{"type":"integer","description":"The largest position of the request's events"},
        "positions":{"type":"array","items":{"type":"integer"},"description":"Each event's position in the request's order, if there are duplicates"},
        "warnings":{"type":"array","description":"Events that are in the log and change nothing, because their name fits several actors or workers","items":{"type":"object","required":["index","detail"],
        "properties":{"index":{"type":"integer"},"detail":{"type":"string"}}}}}},
        "Problem":{"type":"object","description":"RFC 9457","required":["type","title","status","detail"],"properties":{
        "type":{"type":"string","format":"uri"},"title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},
        "index":{"type":"integer","description":"Which event of the request, from 0"},"field":{"type":"string"},
        "accepted":{"type":"integer"},"duplicates":{"type":"integer"},"lastSeq":{"type":"integer"},
        "problems":{"type":"array","description":"Of a policy, each with its place","items":{"type":"object","properties":{"document":{"type":"integer"},
        "line":{"type":"integer"},"column":{"type":"integer"},"path":{"type":"string"},"message":{"type":"string"}}}}}},
        "Placement":{"type":"object","required":["worker","node","tier","waited","seq"],"properties":{"worker":{"type":"string"},"node":{"type":"string"},
        "ip":{"type":["string","null"]},"tier":{"enum":["local","warm","golden","cold"]},"restoreFrom":{"type":["string","null"]},
        "waited":{"type":"number"},"seq":{"type":"integer"}}},
        "Waiting":{"type":"object","required":["position","reason","detail"],"properties":{"position":{"type":"integer"},
        "reason":{"enum":["pool_exhausted","node_locality","no_eligible_pool","quota"]},"detail":{"type":"string"}}},
        "PlacementExplanation":{"type":"object","required":["actor","namespace","pool","seq","at","position","waitedSeconds","detail","tiers"],"properties":{
        "actor":{"type":"string"},"namespace":{"type":"string"},"pool":{"type":"string"},"seq":{"type":"integer"},"at":{"type":"string","format":"date-time"},
        "position":{"type":"integer"},"waitedSeconds":{"type":"number"},"worker":{"type":"string"},"tier":{"type":"string"},
        "reason":{"type":"string"},"detail":{"type":"string"},"tiers":{"type":"array","items":{"type":"object","required":["tier","eligible","available","why"],
        "properties":{"tier":{"enum":["local","warm","golden","cold"]},"nodes":{"type":"integer"},"eligible":{"type":"integer"},"available":{"type":"integer"},
        "bytes":{"type":"integer"},"restoreSeconds":{"type":"number"},"worker":{"type":"string"},"node":{"type":"string"},"why":{"type":"string"}}}}}},
        "Pool":{"type":"object","required":["namespace","name","desired","ready","busy","demand"],"properties":{
        "namespace":{"type":"string"},"name":{"type":"string"},"target":{"type":"string"},"mode":{"enum":["auto","recommend",""]},"min":{"type":"integer"},
        "max":{"type":"integer"},"desired":{"type":"integer"},"ready":{"type":"integer"},"busy":{"type":"integer"},"idle":{"type":"integer"},
        "starting":{"type":"integer"},"draining":{"type":"integer"},"lost":{"type":"integer"},
        "demand":{"type":"object","properties":{"total":{"type":"integer"},"resident":{"type":"integer"},"waiting":{"type":"integer"},
        "blocked":{"type":"object","additionalProperties":{"type":"integer"}}}},
        "oldestWaitSeconds":{"type":"number"},"arrivalsPerSecond":{"type":"object","properties":{"seconds10":{"type":"number"},"minute1":{"type":"number"},
        "minutes5":{"type":"number"}}},"startSeconds":{"$ref":"#/components/schemas/Quantiles"},"restoreSeconds":{"$ref":"#/components/schemas/Quantiles"},
        "holdSeconds":{"$ref":"#/components/schemas/Quantiles"},"readyCondition":{"type":"boolean"},"active":{"type":"boolean"},"paused":{"type":"boolean"},
        "fallback":{"type":"boolean"},"reason":{"type":"string"},"foreignChange":{"type":"string"},
        "foreignReplicas":{"type":"object","properties":{"expected":{"type":"integer"},"found":{"type":"integer"},"at":{"type":"string","format":"date-time"},
        "yields":{"type":"boolean"}}},"pause":{"type":"object","properties":{"in":{"type":"boolean"},"out":{"type":"boolean"},"hold":{"type":"integer"},
        "by":{"type":"string"},"at":{"type":"string","format":"date-time"},"seq":{"type":"integer"}}},
        "workersFailing":{"type":"object","properties":{"count":{"type":"integer"},"error":{"type":"string"},"at":{"type":"string","format":"date-time"},
        "text":{"type":"string"},"isPersistent":{"type":"boolean"}}},
        "logTimeAheadSeconds":{"type":"number","description":"By how much log time runs ahead of the machine's clock, which was set back; absent where it doesn't"},"decisionSeq":{"type":"integer"},"nextDeadline":{"type":"string","format":"date-time"},
        "ageSeconds":{"type":"number"}}},
        "Quantiles":{"type":"object","properties":{"p50":{"type":"number"},"p90":{"type":"number"}}},
        "Worker":{"type":"object","required":["namespace","pool","name","status"],"properties":{"namespace":{"type":"string"},"pool":{"type":"string"},
        "name":{"type":"string"},"uid":{"type":"string","description":"Distinguishes it from other workers of its name, if it was reported"},"status":{"enum":["FREE","BUSY","PARTIAL","DRAINING","STARTING","GONE"]},"actors":{"type":"array","items":{"type":"string"}},
        "node":{"type":"string"},"zone":{"type":"string"},"ip":{"type":"string"},"slots":{"type":"integer"},"used":{"type":"integer"},"ageSeconds":{"type":"number"}}},
        "Actor":{"type":"object","required":["namespace","pool","id","status"],"properties":{"namespace":{"type":"string"},"pool":{"type":"string"},
        "template":{"type":"string"},"id":{"type":"string"},"status":{"type":"string"},"worker":{"type":"string"},"node":{"type":"string"},"ip":{"type":"string"},
        "version":{"type":"integer"},"waitedSeconds":{"type":"number"},"reason":{"type":"string"},"snapshot":{"type":"string"},"seq":{"type":"integer"},
        "ageSeconds":{"type":"number"},"wake":{"type":"object","description":"The predicted wake of an actor with a schedule or regular wakes; not in lists",
        "properties":{"schedule":{"type":"string"},"timezone":{"type":"string"},"everySeconds":{"type":"number"},"at":{"type":"string","format":"date-time"},
        "problem":{"type":"string","description":"Why no node gets a suggestion before it"}}},
        "upstream":{"type":"object","description":"How it is stuck in the system that hosts it, if it is; not in lists","required":["state","remedy"],"properties":{
        "state":{"type":"string"},"worker":{"type":"string"},"problem":{"type":"string"},"remedy":{"type":"string"}}}}},
        "Transition":{"type":"object","required":["seq","at","kind","seconds"],"properties":{"seq":{"type":"integer"},"at":{"type":"string","format":"date-time"},
        "kind":{"type":"string"},"seconds":{"type":["number","null"],"description":"Since the event before; null for the first of a page"},"pool":{"type":"string"},
        "worker":{"type":"string"},"source":{"type":"string"},"superseded":{"type":"boolean"},"data":{"type":"object"}}},
        "Decision":{"type":"object","required":["pool","at","from","to","direction","reason","json"],"properties":{"pool":{"type":"string"},
        "shadow":{"type":"string","description":"The shadow that decided; absent for the pool's own policy"},
        "seq":{"type":"integer","description":"Absent for a preview"},"at":{"type":"string","format":"date-time"},"from":{"type":"integer"},"to":{"type":"integer"},
        "direction":{"enum":["up","down","none"]},"reason":{"type":"string"},"json":{"type":"string","description":"The decision as it is in the log"}}},
        "Policy":{"type":"object","required":["namespace","name","digest","seq"],"properties":{"namespace":{"type":"string"},
        "name":{"type":"string","description":"The policy's name: the pool's, or the shadow's own"},"mode":{"enum":["auto","recommend"]},
        "shadowOf":{"type":"string","description":"The pool whose shadow it is; absent for a pool's own policy"},
        "digest":{"type":"string"},"seq":{"type":"integer"},"appliedAt":{"type":"string","format":"date-time"},"canonicalJSON":{"type":"string"},
        "logTimeAheadSeconds":{"type":"number","description":"As of a pool"}}},
        "Health":{"type":"object","required":["status","uptime"],"properties":{"status":{"enum":["ok","failing"]},"uptime":{"type":"number"},
        "checks":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"status":{"enum":["ok","failing"]},"detail":{"type":"string"}}}}}}
        """
}
