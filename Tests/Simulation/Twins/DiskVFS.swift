import Foundation
import GRDBSQLite
import Synchronization

// How does a twin of the disk get between SQLite and its files?
//
// As a VFS of SQLite's own interface, around the machine's own one. Files within the folder of a `DiskTwin` are watched; all
// others are opened by the machine's VFS as if this one weren't there. A sync is noted and not carried out: the simulation
// asks what a power cut would leave, and doesn't wait for a disk.

enum DiskVFS {
    private static let disks = Mutex<[DiskTwin]>([])

    static func add(_ disk: DiskTwin) { disks.withLock { $0.append(disk) } }
    static func remove(_ disk: DiskTwin) { disks.withLock { disks in disks.removeAll { $0 === disk } } }
    static func disk(of path: String) -> DiskTwin? { disks.withLock { disks in disks.first { path.hasPrefix($0.folder + "/") } } }

    static func install() { _ = installed }

    private static let installed: Bool = {
        guard let machine = sqlite3_vfs_find(nil) else { return false }
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        vfs.initialize(to: machine.pointee)
        vfs.pointee.pNext = nil
        vfs.pointee.zName = UnsafePointer(strdup("greenroom-disk-twin"))
        vfs.pointee.szOsFile = Int32(FileHead.bytes) + machine.pointee.szOsFile
        vfs.pointee.xOpen = { _, name, file, flags, outFlags in WatchedFile.open(name, file, flags, outFlags) }
        vfs.pointee.xDelete = { _, name, syncs in
            if let name { DiskVFS.disk(of: String(cString: name))?.noteDeleted(String(cString: name)) }
            return Machine.vfs.pointee.xDelete(Machine.vfs, name, syncs)
        }
        return sqlite3_vfs_register(vfs, 1) == SQLITE_OK
    }()

    /// The machine's own VFS: what was the default before this one. Lives as long as the process, and is only read.
    enum Machine {
        nonisolated(unsafe) static let vfs: UnsafeMutablePointer<sqlite3_vfs> = {
            guard let found = sqlite3_vfs_find("unix") ?? sqlite3_vfs_find(nil) else { preconditionFailure("SQLite has no VFS") }
            return found
        }()
    }
}

/// What stands before the machine's own file in the memory that SQLite gives.
private struct FileHead {
    var base: sqlite3_file
    var watched: Unmanaged<WatchedFile>?

    static let bytes = (MemoryLayout<FileHead>.stride + 15) & ~15
}

private final class WatchedFile {
    let path: String
    let disk: DiskTwin

    init(path: String, disk: DiskTwin) {
        self.path = path
        self.disk = disk
    }

    static func open(
        _ name: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32, _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let file else { return SQLITE_CANTOPEN }
        let machine = DiskVFS.Machine.vfs
        guard let name, let disk = DiskVFS.disk(of: String(cString: name)) else {
            return machine.pointee.xOpen(machine, name, file, flags, outFlags)
        }
        let head = UnsafeMutableRawPointer(file).assumingMemoryBound(to: FileHead.self)
        head.pointee.base.pMethods = nil
        let real = UnsafeMutableRawPointer(file).advanced(by: FileHead.bytes).assumingMemoryBound(to: sqlite3_file.self)
        real.pointee.pMethods = nil
        let code = machine.pointee.xOpen(machine, name, real, flags, outFlags)
        guard real.pointee.pMethods != nil else { return code }
        head.pointee.watched = Unmanaged.passRetained(WatchedFile(path: String(cString: name), disk: disk))
        head.pointee.base.pMethods = UnsafePointer(methods)
        return code
    }

    private static func real(_ file: UnsafeMutablePointer<sqlite3_file>?) -> UnsafeMutablePointer<sqlite3_file>? {
        file.map { UnsafeMutableRawPointer($0).advanced(by: FileHead.bytes).assumingMemoryBound(to: sqlite3_file.self) }
    }

    private static func of(_ file: UnsafeMutablePointer<sqlite3_file>?) -> WatchedFile? {
        file.flatMap { UnsafeMutableRawPointer($0).assumingMemoryBound(to: FileHead.self).pointee.watched?.takeUnretainedValue() }
    }

    private static func size(_ real: UnsafeMutablePointer<sqlite3_file>?) -> Int {
        var size: sqlite3_int64 = 0
        _ = real?.pointee.pMethods.pointee.xFileSize(real, &size)
        return Int(size)
    }

    private static func bytes(_ real: UnsafeMutablePointer<sqlite3_file>?, _ range: Range<Int>) -> [UInt8] {
        guard !range.isEmpty else { return [] }
        var bytes = [UInt8](repeating: 0, count: range.count)
        _ = bytes.withUnsafeMutableBytes {
            real?.pointee.pMethods.pointee.xRead(real, $0.baseAddress, Int32($0.count), sqlite3_int64(range.lowerBound))
        }
        return bytes
    }

    private static func code(_ refusal: DiskTwin.Refusal, _ broken: Int32) -> Int32 { refusal == .full ? SQLITE_FULL : broken }

    // Extended codes of SQLite: macros that Swift doesn't see.
    private static let ioErrorRead: Int32 = SQLITE_IOERR | 1 << 8
    private static let ioErrorWrite: Int32 = SQLITE_IOERR | 3 << 8
    private static let ioErrorSync: Int32 = SQLITE_IOERR | 4 << 8
    private static let ioErrorTruncate: Int32 = SQLITE_IOERR | 6 << 8

    /// Made once, read by SQLite as long as the process lives.
    nonisolated(unsafe) private static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        var table = sqlite3_io_methods()
        table.iVersion = 2
        table.xClose = { file in
            let code = WatchedFile.real(file)?.pointee.pMethods.pointee.xClose(WatchedFile.real(file)) ?? SQLITE_OK
            if let file {
                let head = UnsafeMutableRawPointer(file).assumingMemoryBound(to: FileHead.self)
                head.pointee.watched?.release()
                head.pointee.watched = nil
            }
            return code
        }
        table.xRead = { file, into, count, offset in
            if let refusal = WatchedFile.of(file)?.disk.refusal(of: .read) { return WatchedFile.code(refusal, WatchedFile.ioErrorRead) }
            return WatchedFile.real(file)?.pointee.pMethods.pointee.xRead(WatchedFile.real(file), into, count, offset) ?? SQLITE_IOERR
        }
        table.xWrite = { file, from, count, offset in
            guard let watched = WatchedFile.of(file), let real = WatchedFile.real(file), let from else { return SQLITE_IOERR }
            if let refusal = watched.disk.refusal(of: .write) { return WatchedFile.code(refusal, WatchedFile.ioErrorWrite) }
            let (size, start) = (WatchedFile.size(real), Int(offset))
            let old = WatchedFile.bytes(real, min(start, size)..<min(start + Int(count), size))
            let code = real.pointee.pMethods.pointee.xWrite(real, from, count, offset)
            if code == SQLITE_OK {
                watched.disk.noteWrite(
                    watched.path, offset: start, old: old, oldSize: size, new: Array(UnsafeRawBufferPointer(start: from, count: Int(count)))
                )
            }
            return code
        }
        table.xTruncate = { file, size in
            guard let watched = WatchedFile.of(file), let real = WatchedFile.real(file) else { return SQLITE_IOERR }
            if let refusal = watched.disk.refusal(of: .truncate) { return WatchedFile.code(refusal, WatchedFile.ioErrorTruncate) }
            let before = WatchedFile.size(real)
            let old = WatchedFile.bytes(real, min(Int(size), before)..<before)
            let code = real.pointee.pMethods.pointee.xTruncate(real, size)
            if code == SQLITE_OK { watched.disk.noteCut(watched.path, to: Int(size), old: old, oldSize: before) }
            return code
        }
        table.xSync = { file, _ in
            guard let watched = WatchedFile.of(file) else { return SQLITE_IOERR }
            if let refusal = watched.disk.refusal(of: .sync) {
                watched.disk.noteFailedSync(watched.path)
                return WatchedFile.code(refusal, WatchedFile.ioErrorSync)
            }
            watched.disk.noteSync(watched.path)
            return SQLITE_OK
        }
        table.xFileSize = { file, size in
            WatchedFile.real(file)?.pointee.pMethods.pointee.xFileSize(WatchedFile.real(file), size) ?? SQLITE_IOERR
        }
        table.xLock = { file, kind in WatchedFile.real(file)?.pointee.pMethods.pointee.xLock(WatchedFile.real(file), kind) ?? SQLITE_IOERR }
        table.xUnlock = { file, kind in
            WatchedFile.real(file)?.pointee.pMethods.pointee.xUnlock(WatchedFile.real(file), kind) ?? SQLITE_IOERR
        }
        table.xCheckReservedLock = { file, response in
            WatchedFile.real(file)?.pointee.pMethods.pointee.xCheckReservedLock(WatchedFile.real(file), response) ?? SQLITE_IOERR
        }
        table.xFileControl = { file, what, argument in
            WatchedFile.real(file)?.pointee.pMethods.pointee.xFileControl(WatchedFile.real(file), what, argument) ?? SQLITE_NOTFOUND
        }
        table.xSectorSize = { file in WatchedFile.real(file)?.pointee.pMethods.pointee.xSectorSize(WatchedFile.real(file)) ?? 512 }
        table.xDeviceCharacteristics = { file in
            WatchedFile.real(file)?.pointee.pMethods.pointee.xDeviceCharacteristics(WatchedFile.real(file)) ?? 0
        }
        table.xShmMap = { file, page, size, extend, into in
            WatchedFile.real(file)?.pointee.pMethods.pointee.xShmMap(WatchedFile.real(file), page, size, extend, into) ?? SQLITE_IOERR
        }
        table.xShmLock = { file, offset, count, flags in
            WatchedFile.real(file)?.pointee.pMethods.pointee.xShmLock(WatchedFile.real(file), offset, count, flags) ?? SQLITE_IOERR
        }
        table.xShmBarrier = { file in WatchedFile.real(file)?.pointee.pMethods.pointee.xShmBarrier(WatchedFile.real(file)) }
        table.xShmUnmap = { file, deletes in
            WatchedFile.real(file)?.pointee.pMethods.pointee.xShmUnmap(WatchedFile.real(file), deletes) ?? SQLITE_OK
        }
        methods.initialize(to: table)
        return methods
    }()
}
