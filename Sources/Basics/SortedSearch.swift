// Where does something stand in a sorted list, or would?

extension RandomAccessCollection where Index == Int {
    /// The first place whose element isn't `before`. All that are must come first. O(log n).
    @inlinable package func firstPlace(notBefore isBefore: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
