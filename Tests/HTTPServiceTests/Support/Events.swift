// Events as producers send them.

enum Event {
    static let structured = "application/cloudevents+json"
    static let batched = "application/cloudevents-batch+json"
    static let lines = "application/x-ndjson"

    static func json(
        _ id: String, actor: String = "actor-1", kind: String = "actor.requested", data: String = #"{"pool":"default/agents"}"#,
        time: String? = nil
    ) -> String {
        let time = time.map { #","time":"\#($0)""# } ?? ""
        return
            #"{"specversion":"1.0","type":"dev.greenroom.\#(kind)","source":"tests","id":"\#(id)","subject":"\#(actor)"\#(time),"data":\#(data)}"#
    }

    static func batch(_ ids: [String]) -> String { "[" + ids.map { json($0) }.joined(separator: ",") + "]" }
    static func ndjson(_ ids: [String]) -> String { ids.map { json($0) + "\n" }.joined() }
}
