import ArgumentParser
import Domain
import EventLog
import Foundation
import Inspection
import Output

// How does a log leave its file as text, and become a file again?

struct LogExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the log as CloudEvents, one a line.",
        discussion: """
            Examples:
              greenroom log export > events.ndjson
              greenroom log export events.ndjson --db /var/lib/greenroom/greenroom.db
              greenroom log export --after 1000 --through 2000
            """)

    @Argument(help: "File to write; - is standard output. An existing file is not overwritten.")
    var file = "-"

    @Option(name: .long, help: ArgumentHelp("Only events after this position.", valueName: "seq")) var after: Position = 0
    @Option(name: .long, help: ArgumentHelp("Only events up to this position.", valueName: "seq")) var through: Position?
    @OptionGroup var log: LogOptions

    func validate() throws {
        if after < 0 || (through ?? 0) < 0 { throw ValidationError("positions of the log are 0 or more") }
    }

    func run() async throws {
        try log.checkExists()
        let source = try LogFile.open(log.db)
        defer { source.close() }
        let end = min(through ?? .max, source.head.seq)
        let output = file == "-" ? nil : try Self.create(file)
        // A bar between lines on the same terminal would be noise.
        let meter = file != "-" || !Terminal.isInteractive ? ProgressMeter("export", total: max(0, end - after)) : nil
        defer { meter?.finish() }
        var position = after
        do {
            // Slices of positions, so that progress can be told between them.
            while position < end {
                let next = min(end, position + Self.sliceEvents)
                try source.export(after: position, upTo: next) { try Self.write($0, to: output, file) }
                position = next
                meter?.update(position - after)
            }
            try output?.close()
        } catch let error as LogError { throw Fault(error) }
        if file != "-" { Terminal.writeError("Exported \(Grouped.text(max(0, end - after))) events to \(file).") }
    }

    private static let sliceEvents: Position = 65_536

    private static func create(_ file: String) throws -> FileHandle {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let reason = errno == EEXIST ? "it is there already" : String(cString: strerror(errno))
            throw Fault(.unreachable, "can't make \(file): \(reason)", do: "give another name")
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    private static func write(_ lines: [UInt8], to output: FileHandle?, _ file: String) throws {
        guard let output else { return Terminal.write(lines) }
        do { try output.write(contentsOf: lines) } catch {
            throw Fault(.unreachable, "can't write \(file): \(error.localizedDescription)", do: "make room, and export again")
        }
    }
}

struct LogImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Create a log from an export, with the same positions, commits and times.",
        discussion: """
            Examples:
              greenroom log import events.ndjson --db copy.db
              greenroom log export | greenroom log import --db copy.db
            Exit status: 1 a line is wrong; the first one is printed, and no file is left.
            """)

    @Argument(help: "File to read; - is standard input.")
    var file = "-"

    @Option(name: .long, help: ArgumentHelp("The log to create; it must not exist.", valueName: "file"))
    var db: String

    func run() async throws {
        guard !FileManager.default.fileExists(atPath: db) else {
            throw Fault(.usage, "\(db) is there already", do: "an import makes a new log: give another name")
        }
        guard let input = file == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: file) else {
            throw Fault(.unreachable, "can't read \(file)", do: "check that it exists and may be read")
        }
        let count: Position
        do { count = try importLines(input) } catch {
            removeRemains()
            switch error {
            case let error as LogImportError:
                throw Fault(
                    .no, "\(file == "-" ? "standard input" : file) can't be imported: \(error)",
                    do: "give a whole export, from its first line on")
            case let error as LogError: throw Fault(error)
            default: throw error
            }
        }
        Terminal.writeLine("Imported \(Grouped.text(count)) events into \(db).")
    }

    private func importLines(_ input: FileHandle) throws -> Position {
        var configuration = EventLog.Configuration(path: db)
        configuration.writer = .inline
        let log = try EventLog.open(configuration)
        defer { log.close() }
        var importing = try LogImport(into: log)
        let size = (try? FileManager.default.attributesOfItem(atPath: file)[.size] as? NSNumber)?.int64Value ?? 0
        let meter = size > 0 ? ProgressMeter("bytes", total: size) : nil
        defer { meter?.finish() }
        var lines = LineReader(input)
        while let line = try lines.next() {
            try line.withUnsafeBufferPointer { try importing.add($0) }
            meter?.update(lines.bytesRead)
        }
        return try importing.finish()
    }

    /// A half import can't be gone on with, so it goes.
    private func removeRemains() {
        for suffix in ["", "-wal", "-shm", ".lock", "-head"] { try? FileManager.default.removeItem(atPath: db + suffix) }
    }
}

/// Lines of a file, however long the file is.
struct LineReader {
    /// An export's line is an event and a few attributes of the log.
    static let lineLimitBytes = 4 * EventLimits.eventBytes
    private static let chunkBytes = 1 << 20

    private let input: FileHandle
    private var pending: ArraySlice<UInt8> = []
    private var isAtEnd = false
    private(set) var bytesRead: Int64 = 0

    init(_ input: FileHandle) { self.input = input }

    mutating func next() throws -> [UInt8]? {
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                defer { pending = pending[(end + 1)...] }
                return Array(pending[..<end])
            }
            if isAtEnd {
                defer { pending = [] }
                return pending.isEmpty ? nil : Array(pending)
            }
            guard pending.count <= Self.lineLimitBytes else {
                throw Fault(.no, "a line has more than \(Self.lineLimitBytes) bytes", do: "give an export")
            }
            let chunk = try input.read(upToCount: Self.chunkBytes) ?? Data()
            isAtEnd = chunk.isEmpty
            bytesRead += Int64(chunk.count)
            pending = ArraySlice(Array(pending) + chunk)
        }
    }
}
