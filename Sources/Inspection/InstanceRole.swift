// Does this instance lead?

package enum InstanceRole {
    private static let metric = "greenroom_leader"

    /// Whether an instance of a replicated log says that it leads; false where it doesn't answer.
    package static func leads(_ api: any ServiceAPI) async -> Bool {
        guard let response = try? await api.send(APIRequest(path: "/metrics")), response.status == 200 else { return false }
        return String(decoding: response.body, as: UTF8.self).split(separator: "\n").contains {
            $0 == "\(metric) 1" || $0 == "\(metric) 1.0"
        }
    }
}
