// How is this API called?

enum ExternalMetricsAPI {
    static let group = "external.metrics.k8s.io"
    static let version = "v1beta1"
    static let groupVersion = "external.metrics.k8s.io/v1beta1"
    static let versionPath = "/apis/external.metrics.k8s.io/v1beta1"
    static let openAPIPath = "/openapi/v3/apis/external.metrics.k8s.io/v1beta1"
    static let listKind = "ExternalMetricValueList"
}
