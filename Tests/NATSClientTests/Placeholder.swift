import Testing
@Suite struct P { @Test func a() { #expect(true) } }
