import Testing

@testable import Basics

@Suite struct SortedSearchTests {
    @Test(arguments: [[], [1], [1, 1, 1], [1, 3, 3, 5, 8], Array(0..<100)])
    func `the place is the one that a walk finds`(sorted: [Int]) {
        for value in -1...101 {
            #expect(sorted.firstPlace { $0 < value } == sorted.firstIndex { $0 >= value } ?? sorted.count)
        }
        #expect(sorted.dropFirst().firstPlace { $0 < 3 } == sorted.dropFirst().firstIndex { $0 >= 3 } ?? sorted.dropFirst().endIndex)
    }
}
