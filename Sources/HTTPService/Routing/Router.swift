import HTTPTypes

// Which route is this request for?
//
// A path that exists with another method is 405 and says which; HEAD is answered wherever GET is. The one path that is
// asked for tens of thousands of times a second is compared first.

struct Router: Sendable {
    let routes: [Route]
    private let ingest: Route?

    init(routes: [Route]) {
        self.routes = routes
        ingest = routes.first { route in
            if case .ingest = route.work { return true }
            return false
        }
    }

    func route(_ method: HTTPRequest.Method, _ path: String) throws(Problem) -> Route {
        if let ingest, path == ingest.template, method == ingest.method { return ingest }
        let target = RequestTarget(path)
        let wanted = method == .head ? .get : method
        var allowed: [String] = []
        for route in routes where route.matches(target.segments) {
            if route.method == wanted { return route }
            allowed.append(route.method.rawValue)
            if route.method == .get { allowed.append("HEAD") }
        }
        guard allowed.isEmpty else {
            var problem = Problem(.methodNotAllowed, "\(method.rawValue) is not for this path: it takes \(allowed.joined(separator: ", "))")
            problem.allowed = allowed
            throw problem
        }
        throw Problem(.notFound, "there is no \(String(path.prefix(200))) here: /openapi.json lists what there is")
    }
}
