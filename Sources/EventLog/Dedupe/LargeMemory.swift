// Where do tables of many megabytes lie that are read at random?
//
// In memory of their own, in huge pages where the system gives them: a random look into 25 MB of ordinary pages costs a
// walk through the page tables on top of the cache miss.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A run of words, all the same at first. Who may write it is its owner's to say.
final class LargeMemory: @unchecked Sendable {
    let words: UnsafeMutableBufferPointer<UInt64>
    private static let hugePageBytes = 2 << 20
    private static let cacheLineBytes = 64

    init(words count: Int, filledWith value: UInt64) {
        let bytes = count * MemoryLayout<UInt64>.size
        let isHuge = bytes >= Self.hugePageBytes
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: isHuge ? Self.hugePageBytes : Self.cacheLineBytes)
        #if os(Linux)
            // A wish: without it all works the same, only slower.
            if isHuge { _ = madvise(raw.baseAddress, bytes, MADV_HUGEPAGE) }
        #endif
        words = raw.bindMemory(to: UInt64.self)
        words.initialize(repeating: value)
    }

    deinit { UnsafeMutableRawBufferPointer(words).deallocate() }
}
