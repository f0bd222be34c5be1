import Autoscaling
import Foundation

// What is the value of a PromQL query now?
//
// An instant query (`/api/v1/query`). It must give one number: a scalar, or a vector of one element, as KEDA demands; where
// `ignoreNullValues` is on, an empty vector and a value that is no number are 0. Anything else is a fault that says what came.

struct PrometheusPoller: Sendable {
    let client: PollClient
    var rule: AddressRule?

    func value(_ poll: Poll, query: String, ignoreNullValues: Bool) async throws -> Double {
        let response = try await client.get(poll, path: "/api/v1/query", query: [("query", query)], rule: rule)
        return try Self.value(status: response.status, body: response.body, ignoreNullValues: ignoreNullValues)
    }

    static func value(status: Int, body: [UInt8], ignoreNullValues: Bool) throws(PollFault) -> Double {
        let response = try? JSONDecoder().decode(Response.self, from: Data(body))
        guard status == 200, let response, response.status == "success", let data = response.data else {
            // 400 and 422 explain what is wrong with the query.
            throw PollFault("Prometheus answered \(status)\(response?.error.map { ": \($0)" } ?? "")")
        }
        let values: [String]
        switch data.result {
        case .scalar(let value): values = [value]
        case .vector(let all): values = all
        case .other: throw PollFault("the query gives a \(data.resultType), not a number: make it a scalar or a vector of one")
        }
        guard values.count <= 1 else {
            throw PollFault("the query gives \(values.count) series, not one: aggregate it, with sum() for instance")
        }
        guard let text = values.first else {
            if ignoreNullValues { return 0 }
            throw PollFault("the query gives nothing")
        }
        guard let value = Double(text), value.isFinite else {
            if ignoreNullValues { return 0 }
            throw PollFault("the query gives \(text), which is no number")
        }
        return value
    }

    private struct Response: Decodable {
        var status: String
        var error: String?
        var data: Data?

        struct Data: Decodable {
            var resultType: String
            var result: Result

            enum Result {
                case scalar(String)
                case vector([String])
                case other
            }

            init(from decoder: any Decoder) throws {
                let members = try decoder.container(keyedBy: Key.self)
                resultType = try members.decode(String.self, forKey: .resultType)
                switch resultType {
                case "scalar": result = .scalar(try members.decode(Point.self, forKey: .result).value)
                case "vector": result = .vector(try members.decode([Element].self, forKey: .result).map(\.value.value))
                default: result = .other
                }
            }

            private enum Key: CodingKey { case resultType, result }
        }

        struct Element: Decodable { var value: Point }

        /// `[1763719200.1, "42.5"]`
        struct Point: Decodable {
            var value: String

            init(from decoder: any Decoder) throws {
                var pair = try decoder.unkeyedContainer()
                _ = try pair.decode(Double.self)
                value = try pair.decode(String.self)
            }
        }
    }
}
