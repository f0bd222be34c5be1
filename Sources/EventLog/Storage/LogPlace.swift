// What lies beside the database, and is looked after with each commit?

struct LogPlace: Sendable {
    let files: LogFiles
    let mark: HeadMarkWriter
    let wal: WALCheckpointer
}
