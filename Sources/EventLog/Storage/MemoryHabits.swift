// How does a process that holds a log keep its memory small?
//
// The C library keeps freed memory for later use, and the larger the blocks a process frees, the larger those it keeps. Grown
// tables, checkpoints and merges of the dedupe index would remain as tens of unused megabytes. Its two functions for that are
// glibc's alone, so they are looked up by name; where they are missing nothing is lost.

#if canImport(Glibc)
    import Glibc
#endif

package enum MemoryHabits {
    /// From this size on a block is the system's own and goes back to it when it is freed. A fixed bound: the library's own
    /// rises with what is freed.
    private static let ownBlockBytes: Int32 = 256 << 10
    /// Each arena keeps its own free blocks; few threads allocate much at the same time.
    private static let arenas: Int32 = 4

    /// Once in a process, before it starts threads.
    package static func settle() {
        #if canImport(Glibc)
            // Parameters of mallopt(3).
            let (mmapThreshold, arenaMax): (Int32, Int32) = (-3, -8)
            guard let symbol = dlsym(nil, "mallopt") else { return }
            let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
            _ = mallopt(mmapThreshold, ownBlockBytes)
            _ = mallopt(arenaMax, arenas)
        #endif
    }

    /// Gives the system back what was freed and the library still keeps.
    static func giveBackFreed() {
        #if canImport(Glibc)
            guard let symbol = dlsym(nil, "malloc_trim") else { return }
            _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)(0)
        #endif
    }
}
