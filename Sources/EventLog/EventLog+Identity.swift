import Basics
import GRDBSQLite

// Which log is this, and which SQLite writes it?

extension EventLog {
    package static var sqliteVersion: String { String(cString: sqlite3_libversion()) }

    /// Random, given to the log when it was made: 32 hexadecimal digits. Copies of the file share it.
    package var id: String { Hex.text(catalog.logID) }
}
