import Testing

@testable import Basics

// Is percent-encoded text read and written as RFC 3986 has it?

@Suite struct PercentCodingTests {
    @Test func allButTheUnreservedIsWritten() {
        #expect(PercentCoding.encode("a-b_c.~/ä &=") == "a-b_c.~%2F%C3%A4%20%26%3D")
        #expect(PercentCoding.encode("a/b", keeping: UInt8(ascii: "/")) == "a/b")
    }

    @Test(arguments: [("%41%c3%A4", "Aä"), ("100%", "100%"), ("%4", "%4"), ("%zz", "%zz"), ("a+b", "a+b"), ("", "")])
    func whatIsReadIsBytes(_ text: String, _ expected: String) { #expect(PercentCoding.decode(text[...]) == expected) }

    @Test func bytesThatAreNoTextAreRefused() { #expect(PercentCoding.decode("%ff") == nil) }

    @Test func aPlusIsASpaceInAQueryAlone() { #expect(PercentCoding.decodeQuery("a+b%2B") == "a b+") }
}
