import Testing

@testable import ExternalMetrics

@Suite struct MediaTypesTests {
    static let both =
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"

    @Test(
        "JSON is taken wherever it is among what the client takes",
        arguments: [
            ([], true), (["*/*"], true), (["application/json"], true), (["application/*"], true),
            (["APPLICATION/JSON; charset=utf-8"], true),
            (["application/vnd.kubernetes.protobuf, */*"], true), (["application/vnd.kubernetes.protobuf,application/json"], true),
            (["text/html", "application/json;q=0.5"], true),
            (["application/vnd.kubernetes.protobuf"], false), (["text/html"], false), (["application/json;q=0"], false), ([""], true),
            (["application/json;as=Table;v=v1;g=meta.k8s.io"], false),
            (["application/json;as=Table;v=v1;g=meta.k8s.io,application/json"], true),
        ])
    func json(_ accept: [String], _ expected: Bool) { #expect(MediaTypes.acceptsJSON(accept) == expected) }

    @Test(
        "discovery comes in the first form of ours that the client names",
        arguments: [
            ([], MediaTypes.Discovery.plain), (["application/json"], .plain), ([both], .aggregated(version: "v2")),
            (["*/*", both], .plain),
            (
                ["application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList, application/json"],
                .aggregated(version: "v2beta1")
            ),
            (["application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,application/json"], .plain),
            (
                ["application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\(both)"],
                .aggregated(version: "v2")
            ),
            (["application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList"], nil), (["text/html"], nil),
        ])
    func discovery(_ accept: [String], _ expected: MediaTypes.Discovery?) { #expect(MediaTypes.discovery(accept) == expected) }
}
