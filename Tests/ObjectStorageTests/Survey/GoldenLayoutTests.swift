import Domain
import Testing

@testable import ObjectStorage

@Suite struct GoldenLayoutTests {
    private func object(_ key: String, _ bytes: Int64 = 1, _ second: Int = 0) -> ListPage.Object {
        ListPage.Object(key: key, bytes: bytes, modified: LogTime.zero.adding(seconds: second))
    }

    private func lines(_ layout: GoldenLayout, _ objects: [ListPage.Object]) -> [String] {
        layout.goldens(of: objects).map { "\($0.template) \($0.uri) \($0.bytes)" }
    }

    @Test("the latest snapshot of each template, whether one object or a folder of them") func latest() {
        let layout = GoldenLayout(.made("s3://bucket/golden"))
        #expect(
            lines(
                layout,
                [
                    object("golden/"), object("golden/stray"), object("golden/a/"), object("golden/a/v1", 10, 5),
                    object("golden/a/v2", 20, 4),
                    object("golden/b/v1/pages", 7, 1), object("golden/b/v1/checkpoint", 3, 9), object("golden/b/v2", 1, 8),
                    object("golden/c/x", 1, 3), object("golden/c/y", 2, 3),
                    object("golden//v", 1), object("golden/d//v", 1), object("elsewhere/e/v", 1),
                ]) == ["a s3://bucket/golden/a/v1 10", "b s3://bucket/golden/b/v1/ 10", "c s3://bucket/golden/c/y 2"])
    }

    @Test("a location of one template, and a whole bucket") func fixed() {
        #expect(
            lines(GoldenLayout(.made("gs://bucket/x/"), template: "ns/t"), [object("x/v1", 1, 1), object("x/v2/p", 2, 2)]) == [
                "ns/t gs://bucket/x/v2/ 2"
            ])
        #expect(lines(GoldenLayout(.made("gs://bucket")), [object("t/v", 1)]) == ["t gs://bucket/t/v 1"])
    }

    @Test("news: seen twice alike, once; gone at once") func memory() {
        var memory = GoldenMemory()
        func golden(_ bytes: Int64) -> GoldenLayout.Golden { .init(template: "t", uri: "s3://b/t/v", bytes: bytes, modified: .zero) }
        func step(_ goldens: [GoldenLayout.Golden]) -> [SnapshotPresence] {
            let news = memory.news(in: goldens)
            for news in news { memory.note(news) }
            return news.map(\.presence)
        }
        #expect(step([golden(1)]) == [])
        #expect(step([golden(2)]) == [])
        #expect(step([golden(2)]) == [.present(bytes: 2)])
        #expect(step([golden(2)]) == [])
        #expect(step([]) == [.gone])
        #expect(step([]) == [])
        #expect(step([golden(2)]) == [])
        #expect(step([golden(2)]) == [.present(bytes: 2)])
    }

    @Test("what couldn't be written to the log is news again") func unnoted() {
        var memory = GoldenMemory()
        let golden = GoldenLayout.Golden(template: "t", uri: "s3://b/t/v", bytes: 1, modified: .zero)
        _ = memory.news(in: [golden])
        #expect(memory.news(in: [golden]).count == 1)
        #expect(memory.news(in: [golden]).count == 1)
    }
}
