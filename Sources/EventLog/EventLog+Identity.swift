// Which log is this?

extension EventLog {
    /// Random, given to the log when it was made: 32 hexadecimal digits. Copies of the file share it.
    public var id: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: catalog.logID.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
