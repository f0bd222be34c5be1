import HTTPTransport

// What does the API look like to a program that has never seen it?
//
// The same two paths and kinds, twice. As OpenAPI 2.0: the aggregator merges it into its own `/openapi/v2`. As 3.0: one document
// for the group's version, and an index that names it with a hash of its contents. Names of kinds are those of `k8s.io/metrics`, so
// that a cluster with another server of this API sees one kind and not two.

enum OpenAPIResponses {
    static let version2 = Array(swagger.utf8)
    static let version3 = Array(openAPI.utf8)
    static let version3Index = Array(
        #"{"paths":{"apis/external.metrics.k8s.io/v1beta1":{"serverRelativeURL":"\#(ExternalMetricsAPI.openAPIPath)?hash=\#(Response.hash(version3))"}}}"#
            .utf8)

    private static let listSchema = "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValueList"

    private static var swagger: String {
        #"""
        {"swagger":"2.0","info":{"title":"Greenroom external metrics","version":"v1beta1"},"paths":{
        "\#(ExternalMetricsAPI.versionPath)/":{"get":{\#(operation("getAPIResources", "get available resources")),"produces":["application/json"],"responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList"}},"401":{"description":"Unauthorized"}}}},
        "\#(ExternalMetricsAPI.versionPath)/namespaces/{namespace}/{metricName}":{"get":{\#(operation("listMetric", "list values of a metric")),\#(action),"produces":["application/json"],"parameters":[
        {"name":"namespace","in":"path","required":true,"type":"string","uniqueItems":true,"description":"namespace of the pools"},
        {"name":"metricName","in":"path","required":true,"type":"string","uniqueItems":true,"description":"name of the metric"},
        {"name":"labelSelector","in":"query","type":"string","uniqueItems":true,"description":"\#(selector)"}],
        "responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/\#(listSchema)"}},"401":{"description":"Unauthorized"}}}}
        },"definitions":{\#(schemas(under: "#/definitions/"))}}
        """#
    }

    private static var openAPI: String {
        #"""
        {"openapi":"3.0.0","info":{"title":"Greenroom external metrics","version":"v1beta1"},"paths":{
        "\#(ExternalMetricsAPI.versionPath)/":{"get":{\#(operation("getAPIResources", "get available resources")),"responses":{"200":{"description":"OK","content":{"application/json":{"schema":{"$ref":"#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList"}}}},"401":{"description":"Unauthorized"}}}},
        "\#(ExternalMetricsAPI.versionPath)/namespaces/{namespace}/{metricName}":{"get":{\#(operation("listMetric", "list values of a metric")),\#(action),"parameters":[
        {"name":"namespace","in":"path","required":true,"schema":{"type":"string"},"description":"namespace of the pools"},
        {"name":"metricName","in":"path","required":true,"schema":{"type":"string"},"description":"name of the metric"},
        {"name":"labelSelector","in":"query","schema":{"type":"string"},"description":"\#(selector)"}],
        "responses":{"200":{"description":"OK","content":{"application/json":{"schema":{"$ref":"#/components/schemas/\#(listSchema)"}}}},"401":{"description":"Unauthorized"}}}}
        },"components":{"schemas":{\#(schemas(under: "#/components/schemas/"))}}}
        """#
    }

    private static func operation(_ name: String, _ description: String) -> String {
        #""tags":["externalMetrics_v1beta1"],"operationId":"\#(name)ExternalMetricsV1beta1","description":"\#(description)""#
    }

    private static let action = #""x-kubernetes-action":"list","x-kubernetes-group-version-kind":\#(kind)"#
    private static let kind = #"{"group":"external.metrics.k8s.io","version":"v1beta1","kind":"ExternalMetricValueList"}"#
    private static let selector = "series whose labels it matches; every series without it"

    private static func schemas(under root: String) -> String {
        #"""
        "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValueList":{"type":"object","description":"values of one metric, an item a series","required":["items"],"properties":{
        "apiVersion":{"type":"string"},"kind":{"type":"string"},"metadata":{"type":"object"},
        "items":{"type":"array","items":{"$ref":"\#(root)io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValue"}}},
        "x-kubernetes-group-version-kind":[\#(kind)]},
        "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValue":{"type":"object","description":"one value","required":["metricName","metricLabels","timestamp","value"],"properties":{
        "apiVersion":{"type":"string"},"kind":{"type":"string"},
        "metricName":{"type":"string","description":"name of the metric"},
        "metricLabels":{"type":"object","additionalProperties":{"type":"string"},"description":"labels that distinguish this series from the others"},
        "timestamp":{"type":"string","format":"date-time","description":"when the value was taken"},
        "window":{"type":"integer","format":"int64","description":"of a rate: the seconds it was taken over"},
        "value":{"type":"string","description":"a Kubernetes quantity"}}},
        "io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList":{"type":"object","description":"resources of a group and version","required":["groupVersion","resources"],"properties":{
        "apiVersion":{"type":"string"},"kind":{"type":"string"},"groupVersion":{"type":"string"},
        "resources":{"type":"array","items":{"$ref":"\#(root)io.k8s.apimachinery.pkg.apis.meta.v1.APIResource"}}}},
        "io.k8s.apimachinery.pkg.apis.meta.v1.APIResource":{"type":"object","description":"one resource","required":["name","singularName","namespaced","kind","verbs"],"properties":{
        "name":{"type":"string"},"singularName":{"type":"string"},"namespaced":{"type":"boolean"},"kind":{"type":"string"},
        "verbs":{"type":"array","items":{"type":"string"}}}}
        """#
    }
}
