// What must hold for every source file, and where doesn't it?
//
// Each rule is a function of one file, so that a made-up file can show that it finds what it is there to find.

struct Violation: Hashable, CustomStringConvertible {
    var path: String
    var line: Int
    var problem: String
    var description: String { "\(path):\(line): \(problem)" }
}

enum Rules {
    /// A file imports only what its target's row allows.
    static func imports(_ file: SourceFile) -> [Violation] {
        guard let floor = Floor.of(file.target) else {
            return [Violation(path: file.path, line: 1, problem: "target \(file.target) has no row in the table of floors")]
        }
        return file.imports.filter { !floor.mayImport.contains($0.module) }.map {
            Violation(path: file.path, line: $0.line, problem: "\(file.target) (floor \(floor.level)) may not import \($0.module)")
        }
    }

    /// What reads a clock, draws lots, prints, reaches outside or runs beside other code. Pure code has none of it.
    private static let impureWords: [String: String] = [
        "Clock": "reads a clock", "ContinuousClock": "reads a clock", "SuspendingClock": "reads a clock", "DispatchTime": "reads a clock",
        "clock_gettime": "reads a clock", "gettimeofday": "reads a clock",
        "SystemRandomNumberGenerator": "draws lots",
        "FileHandle": "does I/O", "FileManager": "does I/O", "ProcessInfo": "does I/O", "CommandLine": "does I/O",
        "Task": "runs concurrently", "Thread": "runs concurrently", "DispatchQueue": "runs concurrently", "await": "runs concurrently",
        "Mutex": "runs concurrently", "Atomic": "runs concurrently",
    ]
    /// The same for what only counts when it is called.
    private static let impureCalls: [String: String] = [
        "Date": "reads a clock", "UUID": "draws lots", "print": "does I/O", "debugPrint": "does I/O", "dump": "does I/O",
        "readLine": "does I/O",
        "fputs": "does I/O", "fopen": "does I/O", "getenv": "does I/O",
    ]
    private static let impureMethods: [String: String] = [
        "random": "draws lots", "randomElement": "draws lots", "shuffle": "draws lots", "shuffled": "draws lots",
    ]

    static func purity(_ file: SourceFile) -> [Violation] {
        guard Floor.of(file.target)?.isPure == true else { return [] }
        return file.code.enumerated().flatMap { k, line in
            let words = SourceFile.words(line)
            return words.indices.compactMap { impurity(words, $0) }.map { word, what in
                Violation(path: file.path, line: k + 1, problem: "\(file.target) is pure, but `\(word)` \(what)")
            }
        }
    }

    private static func impurity(_ words: [SourceFile.Word], _ k: Int) -> (word: String, what: String)? {
        let word = words[k]
        if let what = impureWords[word.text] { return (word.text, what) }
        if word.next == "(", word.previous == ".", let what = impureMethods[word.text] { return (word.text, what) }
        if word.next == "(", word.previous != ".", k == 0 || words[k - 1].text != "func", let what = impureCalls[word.text] {
            return (word.text, what)
        }
        return word.text == "actor" && word.next?.isUppercase == true ? ("actor", "runs concurrently") : nil
    }

    /// No `try!`, no `as!`, no forced unwrap: what can't be is a precondition that says so.
    static func force(_ file: SourceFile) -> [Violation] {
        file.code.enumerated().flatMap { k, line -> [Violation] in
            guard line.utf8.contains(UInt8(ascii: "!")) else { return [] }
            let characters = Array(line)
            let forced = characters.indices.filter { at in
                guard characters[at] == "!", at > 0, isEndOfValue(characters[at - 1]) else { return false }
                return at + 1 == characters.count || (characters[at + 1] != "=" && !SourceFile.isWord(characters[at + 1]))
            }
            return forced.map { at in
                let start = characters[..<at].lastIndex { !SourceFile.isWord($0) }.map { $0 + 1 } ?? 0
                return Violation(path: file.path, line: k + 1, problem: "`\(String(characters[start...at]))` traps without a word")
            }
        }
    }

    private static func isEndOfValue(_ character: Character) -> Bool { SourceFile.isWord(character) || ")]}\"".contains(character) }

    /// `@unchecked Sendable` and `nonisolated(unsafe)` come with a comment that says what guards it: on the line, or next to it.
    static func unchecked(_ file: SourceFile) -> [Violation] {
        file.code.enumerated().compactMap { k, line in
            guard let found = ["@unchecked Sendable", "nonisolated(unsafe)"].first(where: { line.contains($0) }) else { return nil }
            let above = file.lines[..<k].last { !SourceFile.trimmed($0).isEmpty && !SourceFile.trimmed($0).hasPrefix("@") }
            let below = k + 1 < file.lines.count ? file.lines[k + 1] : nil
            if file.lines[k].contains("//") || [above, below].contains(where: { $0.map(SourceFile.trimmed)?.hasPrefix("//") == true }) {
                return nil
            }
            return Violation(
                path: file.path, line: k + 1, problem: "`\(found)` without a comment beside it or next to it that says what guards it")
        }
    }

    private static let wallWaits = ["DispatchWallTime", "wallDeadline", "wallTimeout", "NSCondition", "NSConditionLock"]

    /// Nothing waits by the wall clock, which people set back: a wait of a second may then last an hour. Dispatch's semaphores and groups
    /// do so on Linux, whatever kind of time they are given.
    static func wallWaits(_ file: SourceFile) -> [Violation] {
        file.code.enumerated().compactMap { k, line in
            let word = SourceFile.words(line).first { wallWaits.contains($0.text) }?.text
            guard let found = word ?? (line.contains(".wait(timeout:") ? "wait(timeout:)" : nil) else { return nil }
            return Violation(
                path: file.path, line: k + 1,
                problem: "`\(found)` waits by the wall clock: take EventLog's MeasuredSignal, a Dispatch timer or a Clock")
        }
    }

    /// A file says what question it answers before anything else.
    static func openingComment(_ file: SourceFile) -> [Violation] {
        guard let opening = file.opening else { return [Violation(path: file.path, line: 1, problem: "is empty")] }
        return opening.text.hasPrefix("//")
            ? []
            : [Violation(path: file.path, line: opening.line, problem: "the file doesn't open with a comment that says what it answers")]
    }

    /// Migrations run in the order of their numbers: `NNN_name.sql`, from 001, none left out.
    static func migrations(_ names: [String]) -> [Violation] {
        names.sorted().enumerated().compactMap { k, name in
            let parts = name.split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
            let isNamed =
                parts.count == 2 && parts[0].count == 3 && parts[0].allSatisfy(\.isNumber) && parts[1].count > 4
                && parts[1].hasSuffix(".sql")
            guard isNamed, name == name.lowercased() else {
                return Violation(path: "migrations/\(name)", line: 1, problem: "is not named NNN_name.sql")
            }
            return Int(parts[0]) == k + 1 ? nil : Violation(path: "migrations/\(name)", line: 1, problem: "should be number \(k + 1)")
        }
    }
}
