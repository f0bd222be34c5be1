import Domain
import Foundation
import Testing

@Suite("What is said of each kind fits its shape")
struct EventNotesTests {
    @Test(arguments: EventKind.allCases)
    func everyFieldIsExplainedInOrder(_ kind: EventKind) {
        #expect(kind.notes.fields.map(\.name) == kind.shape.fields.map(\.name))
        let more = Set(kind.notes.more.map(\.note.name))
        #expect(more.count == kind.notes.more.count && more.isDisjoint(with: kind.shape.fields.map(\.name)))
        #expect(kind.isOurs || more.isEmpty, "what producers send is in the shape")
    }

    /// They stand in the JSON of `/openapi.json` as they are.
    @Test(arguments: EventKind.allCases)
    func textsNeedNoEscapes(_ kind: EventKind) {
        let notes = kind.notes
        var texts = [notes.when, notes.effect, notes.subject]
        for note in notes.fields + notes.more.map(\.note) { texts += [note.name, note.unit, note.text] }
        for text in texts { #expect(!text.contains(where: { $0 == "\"" || $0 == "\\" || $0.isNewline }), "\(text)") }
    }

    @Test(arguments: EventKind.allCases)
    func theExampleHasEveryFieldOfTheShapeAndIsRead(_ kind: EventKind) throws {
        let notes = kind.notes
        let example = try #require(try JSONSerialization.jsonObject(with: Data(notes.example.utf8)) as? [String: Any])
        let known = Set(kind.shape.fields.map(\.name) + notes.more.map(\.note.name))
        // Whoever copies an example writes neither of these: the service sets the one, comparisons with another system the other.
        let notCopied: Set<String> = kind.isOurs ? [] : [EventKind.author, EventKind.correction]
        #expect(Set(kind.shape.fields.map(\.name)).subtracting(notCopied).isSubset(of: example.keys))
        #expect(notCopied.isDisjoint(with: example.keys))
        #expect(Set(example.keys).isSubset(of: known))
        let event = SampleEvent(kind: kind, subject: notes.subject, data: notes.example)
        #expect(try Read.event(event.json, own: kind.isOurs).events.map(\.kind) == [kind])
    }
}
