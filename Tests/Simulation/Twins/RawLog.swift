import Domain
import GRDBSQLite

// What else may have happened to a log's file while nobody had it open?

enum RawLog {
    static func execute(_ sql: String, _ path: String) {
        var connection: OpaquePointer?
        defer { sqlite3_close(connection) }
        guard sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else { return }
        sqlite3_exec(connection, sql, nil, nil, nil)
    }
}
