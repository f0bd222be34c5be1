import Domain
import Kubernetes
import KubernetesTwin
import TestSupport
import Testing

// What must hold of any API server: the twin, and a real one where it is named.

@Suite struct ClientContractTests {
    private func on(_ backend: Backend, limits: KubernetesClientLimits = .quick, _ body: (TestCluster) async throws -> Void) async throws {
        let cluster = try await TestCluster(backend, limits: limits)
        do { try await body(cluster) } catch {
            await cluster.close()
            throw error
        }
        await cluster.close()
    }

    private func failure(_ body: () async throws -> Void) async -> KubernetesError? {
        do {
            try await body()
            return nil
        } catch { return error as? KubernetesError }
    }

    private func lease(_ name: String, labels: JSONValue = [:], holder: String = "a") -> JSONValue {
        [
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": ["name": .string(name), "labels": labels],
            "spec": ["holderIdentity": .string(holder), "leaseDurationSeconds": 15],
        ]
    }

    @Test("an object is made, read, changed and taken away; every failure has its type", arguments: Backend.available)
    func verbs(_ backend: Backend) async throws {
        try await on(backend) { cluster in
            let (client, namespace, name) = (cluster.client, cluster.namespace, cluster.prefix)
            let made = try await client.create(.leases, namespace: namespace, lease(name))
            #expect(made.name == name && !made.uid.isEmpty && !made.resourceVersion.isEmpty)
            #expect(await failure { _ = try await client.create(.leases, namespace: namespace, lease(name)) }?.alreadyExists == true)

            var changed = made
            changed["spec"]["holderIdentity"] = "b"
            let updated = try await client.update(.leases, namespace: namespace, name: name, changed.json)
            #expect(updated["spec"]["holderIdentity"].string == "b" && updated.resourceVersion != made.resourceVersion)
            let conflict = await failure { _ = try await client.update(.leases, namespace: namespace, name: name, changed.json) }
            #expect(conflict?.isConflict == true && conflict?.alreadyExists == false)

            let patched = try await client.patch(
                .leases, namespace: namespace, name: name, ["metadata": ["annotations": ["greenroom.dev/x": "1"]]])
            #expect(patched.annotations["greenroom.dev/x"] == "1")
            let stale: JSONValue = [
                "metadata": ["resourceVersion": .string(made.resourceVersion), "annotations": ["greenroom.dev/x": "2"]]
            ]
            #expect(await failure { _ = try await client.patch(.leases, namespace: namespace, name: name, stale) }?.isConflict == true)
            let cleared = try await client.patch(
                .leases, namespace: namespace, name: name, ["metadata": ["annotations": ["greenroom.dev/x": nil]]])
            #expect(cleared.annotations["greenroom.dev/x"] == nil)

            try await client.delete(.leases, namespace: namespace, name: name)
            #expect(await failure { _ = try await client.get(.leases, namespace: namespace, name: name) }?.isNotFound == true)
        }
    }

    @Test("a list comes page by page, and a selector narrows it", arguments: Backend.available)
    func pages(_ backend: Backend) async throws {
        var limits = KubernetesClientLimits.quick
        limits.pageItems = 2
        try await on(backend, limits: limits) { cluster in
            let names = (0..<5).map { "\(cluster.prefix)-\($0)" }
            for name in names {
                _ = try await cluster.client.create(
                    .leases, namespace: cluster.namespace, lease(name, labels: ["greenroom-test": .string(cluster.prefix)]))
            }
            let list = try await cluster.client.list(
                .leases, namespace: cluster.namespace, selection: .init(labels: "greenroom-test=\(cluster.prefix)"))
            #expect(list.items.map(\.name).sorted() == names && !list.resourceVersion.isEmpty)
            let page = try await cluster.client.page(
                .leases, namespace: cluster.namespace, selection: .init(labels: "greenroom-test in (\(cluster.prefix))"), limit: 4)
            #expect(page.items.count == 4 && page.next != nil)
            let none = try await cluster.client.list(
                .leases, namespace: cluster.namespace, selection: .init(labels: "greenroom-test notin (\(cluster.prefix)),greenroom-test"))
            #expect(!none.items.contains { names.contains($0.name) })
            for name in names { try await cluster.client.delete(.leases, namespace: cluster.namespace, name: name) }
        }
    }

    @Test("a watch hands on what is there, then each change in order", arguments: Backend.available)
    func watch(_ backend: Backend) async throws {
        try await on(backend) { cluster in
            let (client, namespace, name) = (cluster.client, cluster.namespace, cluster.prefix)
            _ = try await client.create(.leases, namespace: namespace, lease(name, holder: "0"))
            let seen = Recorder<String>()
            let watch = ListWatch(client, .leases, namespace: namespace, selection: .named(name), seed: 1)
            let task = Task { await watch.run { seen.add($0.summary) } }
            try await eventually("the list came") { seen.values.count == 1 }
            for holder in ["1", "2"] {
                _ = try await client.patch(.leases, namespace: namespace, name: name, ["spec": ["holderIdentity": .string(holder)]])
            }
            try await client.delete(.leases, namespace: namespace, name: name)
            try await eventually("three changes: \(seen.values)") { seen.values.count == 4 }
            #expect(seen.values == ["all 0", "changed 1", "changed 2", "deleted"])
            task.cancel()
            await task.value
        }
    }

    @Test("a kind's plural and its /scale are found by discovery; an unknown kind is not found", arguments: Backend.available)
    func discovery(_ backend: Backend) async throws {
        try await on(backend) { cluster in
            let discovery = ResourceDiscovery(cluster.client)
            let found = try await discovery.find(apiVersion: "apps/v1", kind: "Deployment")
            #expect(found.resource.plural == "deployments" && found.hasScale && found.resource.isNamespaced)
            #expect(try await discovery.find(apiVersion: "v1", kind: "Node").resource.isNamespaced == false)
            #expect(await failure { _ = try await discovery.find(apiVersion: "apps/v1", kind: "Nonsense") }?.isNotFound == true)
            #expect(await failure { _ = try await discovery.find(apiVersion: "nobody.example/v1", kind: "Nonsense") }?.isNotFound == true)
        }
    }

    @Test("/scale is set conditionally, and refuses what can't be", arguments: Backend.available)
    func scale(_ backend: Backend) async throws {
        try await on(backend) { cluster in
            let (client, namespace, name) = (cluster.client, cluster.namespace, cluster.prefix)
            let deployments = KubernetesResource(group: "apps", version: "v1", plural: "deployments")
            _ = try await cluster.createDeployment(name, replicas: 0)
            // Its controller may still be writing its status.
            var response: KubernetesObject?
            try await eventually("the scale was set") {
                var scale = try await client.get(deployments, namespace: namespace, name: name, subresource: "scale")
                #expect(scale["status"]["selector"].string == "greenroom-test=\(name)")
                scale["spec"]["replicas"] = 1
                do {
                    response = try await client.update(deployments, namespace: namespace, name: name, subresource: "scale", scale.json)
                } catch let error as KubernetesError where error.isConflict {}
                return response != nil
            }
            #expect(response?["spec"]["replicas"].int == 1)
            var stale = try #require(response)
            stale["metadata"]["resourceVersion"] = "1"
            stale["spec"]["replicas"] = 2
            #expect(
                await failure {
                    _ = try await client.update(deployments, namespace: namespace, name: name, subresource: "scale", stale.json)
                }?.isConflict == true)
            let invalid = await failure {
                _ = try await client.patch(deployments, namespace: namespace, name: name, subresource: "scale", ["spec": ["replicas": -1]])
            }
            #expect(invalid?.status?.code == 422 && invalid?.status?.reason == "Invalid")
            try await client.delete(deployments, namespace: namespace, name: name)
        }
    }

    @Test("a token that isn't accepted is told apart", arguments: Backend.available)
    func wrongToken(_ backend: Backend) async throws {
        try await on(backend) { cluster in
            var access = cluster.client.access
            access.clientIdentity = nil
            access.credential = .token(Secret("nope"))
            let client = try KubernetesClient(access, limits: .quick, logger: .silent)
            let failure = await failure { _ = try await client.list(.leases, namespace: "default") }
            #expect(failure?.status?.code == 401)
            #expect(failure.map { !"\($0)".contains("nope") } == true)
            await client.close()
        }
    }
}

extension WatchDelivery {
    /// With the holder of the lease.
    var summary: String {
        switch self {
        case .replaced(let objects): "all " + objects.map { $0["spec"]["holderIdentity"].string ?? "" }.joined(separator: ",")
        case .changed(let object): "changed \(object["spec"]["holderIdentity"].string ?? "")"
        case .deleted: "deleted"
        }
    }
}
