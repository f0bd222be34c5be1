// How are a million rows a second bound?
//
// GRDB prepares and owns the statement; values go in and out through SQLite's own functions, which costs a third of what
// boxing them costs. For the two paths where that shows: appending rows, and scanning them. Everywhere else GRDB's own
// interface is used. Belongs to one connection and is used only inside that connection's access.

import Domain
import GRDB
import GRDBSQLite

struct RawStatement {
    /// Keeps the prepared statement alive.
    private let statement: Statement
    private let handle: SQLiteStatement

    init(_ db: Database, _ sql: String) throws {
        statement = try db.makeStatement(sql: sql)
        handle = statement.sqliteStatement
    }

    /// The connection's own copy of a statement that is run again and again.
    init(cached sql: String, _ db: Database) throws {
        statement = try db.cachedStatement(sql: sql)
        handle = statement.sqliteStatement
    }

    // MARK: - Binding, parameters counted from 1

    @inline(__always)
    func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }

    @inline(__always)
    func bindNull(_ index: Int32) { sqlite3_bind_null(handle, index) }

    /// Zero is stored as NULL.
    @inline(__always)
    func bind(_ index: Int32, orNull name: NameID) {
        if name.isNone { bindNull(index) } else { bind(index, Int64(name.rawValue)) }
    }

    /// The bytes must stay where they are until the statement ran.
    @inline(__always)
    func bindText(_ index: Int32, _ bytes: UnsafeBufferPointer<UInt8>) {
        let base = bytes.baseAddress.map { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) }
        sqlite3_bind_text(handle, index, base, Int32(bytes.count), nil)
    }

    @inline(__always)
    func bindText(_ index: Int32, _ bytes: UnsafeBufferPointer<UInt8>, orNull range: ByteRange) {
        if range.isEmpty { bindNull(index) } else { bindText(index, UnsafeBufferPointer(rebasing: bytes[range.lower..<range.upper])) }
    }

    /// The bytes must stay where they are until the statement ran.
    @inline(__always)
    func bindBlob(_ index: Int32, _ bytes: UnsafeRawBufferPointer) {
        if bytes.isEmpty {
            sqlite3_bind_zeroblob(handle, index, 0)
        } else {
            sqlite3_bind_blob(handle, index, bytes.baseAddress, Int32(bytes.count), nil)
        }
    }

    // MARK: - Running

    /// Runs a statement that gives no rows.
    @inline(__always)
    func run() throws {
        let code = sqlite3_step(handle)
        sqlite3_reset(handle)
        if code != SQLITE_DONE, code != SQLITE_ROW { throw error(code) }
    }

    /// True where there is a row to read.
    @inline(__always)
    func step() throws -> Bool {
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        sqlite3_reset(handle)
        if code == SQLITE_DONE { return false }
        throw error(code)
    }

    func reset() { sqlite3_reset(handle) }

    static let integerType = SQLITE_INTEGER
    static let blobType = SQLITE_BLOB

    private func error(_ code: Int32) -> DatabaseError {
        DatabaseError(resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errmsg(sqlite3_db_handle(handle))))
    }

    // MARK: - Reading the row, columns counted from 0

    @inline(__always)
    func type(_ column: Int32) -> Int32 { sqlite3_column_type(handle, column) }

    @inline(__always)
    func isNull(_ column: Int32) -> Bool { type(column) == SQLITE_NULL }

    @inline(__always)
    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    /// Text or blob, where it lies; gone with the next step or reset.
    @inline(__always)
    func bytes(_ column: Int32) -> UnsafeBufferPointer<UInt8> {
        let start = sqlite3_column_blob(handle, column)
        let count = Int(sqlite3_column_bytes(handle, column))
        return UnsafeBufferPointer(start: start?.assumingMemoryBound(to: UInt8.self), count: start == nil ? 0 : count)
    }
}
