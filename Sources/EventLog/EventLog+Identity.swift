import GRDBSQLite

// Which log is this, and which SQLite writes it?

extension EventLog {
    package static var sqliteVersion: String { String(cString: sqlite3_libversion()) }

    /// Random, given to the log when it was made: 32 hexadecimal digits. Copies of the file share it.
    package var id: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: catalog.logID.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
