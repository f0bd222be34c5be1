import Basics
import Testing

@Suite struct BackoffTests {
    @Test("delays double up to the longest, jitter lies between once and twice, and the seed decides it")
    func delays() {
        var one = Backoff(first: .seconds(1), longest: .seconds(4), seed: 3)
        var same = Backoff(first: .seconds(1), longest: .seconds(4), seed: 3)
        for base in [1, 2, 4, 4, 4] {
            let delay = one.next()
            #expect(delay == same.next())
            #expect(delay >= .seconds(base) && delay < .seconds(2 * base))
        }
        one.reset()
        #expect(one.next() < .seconds(2))
        #expect(one.next(atLeast: .seconds(60)) >= .seconds(60))
    }
}
