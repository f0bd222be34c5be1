import Autoscaling
import Testing

@testable import SubstrateGateway

@Suite("Which pool a resume waits for")
struct PoolCatalogTests {
    private func catalog() -> PoolCatalog {
        let catalog = PoolCatalog()
        catalog.replace(pools: [
            .init(name: "demo/cpu-1", sandboxClass: "gvisor", labels: ["tier": "cpu"]),
            .init(name: "demo/cpu-2", sandboxClass: "gvisor", labels: ["tier": "cpu", "zone": "b"]),
            .init(name: "demo/gpu", sandboxClass: "gvisor", labels: ["tier": "gpu"]),
            .init(name: "demo/vm", sandboxClass: "microvm", labels: ["tier": "cpu"]),
        ])
        catalog.replace(templates: [
            .init(name: "demo/any", sandboxClass: "gvisor", selector: nil),
            .init(name: "demo/cpu", sandboxClass: "gvisor", selector: WorkerSelector(labels: ["tier": "cpu"])),
            .init(name: "demo/vm", sandboxClass: "microvm", selector: nil),
            .init(
                name: "demo/not-gpu", sandboxClass: "gvisor",
                selector: WorkerSelector("tier!=gpu,!zone")),
        ])
        return catalog
    }

    @Test(
        "class, the template's selector and the actor's all count",
        arguments: [
            ("demo/any", [:], ["demo/cpu-1", "demo/cpu-2", "demo/gpu"]), ("demo/cpu", [:], ["demo/cpu-1", "demo/cpu-2"]),
            ("demo/cpu", ["zone": "b"], ["demo/cpu-2"]), ("demo/cpu", ["tier": "gpu"], []), ("demo/vm", [:], ["demo/vm"]),
            ("demo/not-gpu", [:], ["demo/cpu-1"]),
        ] as [(String, [String: String], [String])])
    func eligible(_ template: String, _ selector: [String: String], _ expected: [String]) {
        #expect(catalog().eligible(template: template, selector: selector) == expected)
    }

    @Test("without objects: the configuration, then what was seen, then the default")
    func withoutObjects() {
        let catalog = PoolCatalog(configured: ["demo/a": "demo/p"], defaultPool: "demo/d")
        #expect(catalog.eligible(template: "demo/a", selector: [:]) == ["demo/p"])
        #expect(catalog.eligible(template: "demo/b", selector: [:]) == ["demo/d"])
        catalog.learn(template: "demo/b", pool: "demo/q")
        #expect(catalog.eligible(template: "demo/b", selector: [:]) == ["demo/q"])
        #expect(PoolCatalog().eligible(template: "demo/b", selector: [:]) == [])
    }

    @Test("objects that come and go")
    func changes() {
        let catalog = catalog()
        catalog.remove(pool: "demo/cpu-1")
        #expect(catalog.eligible(template: "demo/cpu", selector: [:]) == ["demo/cpu-2"])
        catalog.set(PoolCatalog.Pool(name: "demo/new", sandboxClass: "gvisor", labels: ["tier": "cpu"]))
        #expect(catalog.eligible(template: "demo/cpu", selector: [:]) == ["demo/cpu-2", "demo/new"])
    }

    @Test("of several, the one whose policy spills to the others comes first")
    func order() {
        #expect(PoolChoice.best(of: ["demo/a", "demo/b"], [], spills: ["demo/b": ["demo/a"]]) == "demo/b")
        #expect(PoolChoice.best(of: ["demo/a", "demo/b"], [], spills: [:]) == "demo/a")
        #expect(PoolChoice.best(of: [], [], spills: [:]) == nil)
    }
}
