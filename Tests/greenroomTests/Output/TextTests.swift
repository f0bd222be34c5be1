import Domain
import EventLog
import Foundation
import Testing

@testable import Output

@Suite struct DurationTextTests {
    @Test(
        arguments: [
            (-5, "<invalid>"), (-0.5, "0s"), (0, "0s"), (5.9, "5s"), (119, "119s"), (120, "2m"), (130, "2m10s"), (599, "9m59s"),
            (600, "10m"),
            (10_799, "179m"), (10_800, "3h"), (15_600, "4h20m"), (28_800, "8h"), (172_799, "47h"), (172_800, "2d"), (273_600, "3d4h"),
            (691_200, "8d"), (62_985_600, "729d"), (66_528_000, "2y40d"), (315_360_000, "10y"), (.nan, "<invalid>"),
            (.infinity, "<invalid>"),
        ] as [(Double, String)])
    func agesAreSaidAsKubectlSaysThem(seconds: Double, text: String) {
        #expect(DurationText.age(seconds) == text)
    }

    @Test(arguments: [(0, "0.0s"), (0.31, "0.3s"), (9.94, "9.9s"), (9.96, "10s"), (10, "10s"), (130, "2m10s")] as [(Double, String)])
    func waitsHaveTenthsBelowTenSeconds(seconds: Double, text: String) {
        #expect(DurationText.short(seconds) == text)
    }

    @Test(
        arguments: [
            (0.00035, "350µs"), (0.012, "12ms"), (0.9999, "1.000s"), (1.203, "1.203s"), (130.5, "2m10.5s"), (7_200, "120m"),
            (-0.5, "-500ms"),
            // What rounds up to the next unit is written in that.
            (0.0009996, "1ms"), (0.9994, "999ms"), (0.9996, "1.000s"), (59.9994, "59.999s"), (59.9996, "1m0.0s"), (119.96, "2m0.0s"),
            (3_599.94, "59m59.9s"), (3_599.96, "60m"), (3_600, "60m"),
        ] as [(Double, String)])
    func stepsAreSaidToTheMillisecond(seconds: Double, text: String) {
        #expect(DurationText.precise(seconds) == text)
    }
}

@Suite struct DisplayTextTests {
    @Test(arguments: [("abc", 3), ("日本", 4), ("🎭", 2), ("e\u{301}", 1), ("❤\u{FE0F}", 2), ("", 0), ("한", 2), ("👨‍👩‍👧", 2)])
    func widthCountsColumns(text: String, width: Int) {
        #expect(DisplayText.width(text) == width)
    }

    @Test func controlCharactersNeverReachTheTerminal() {
        #expect(DisplayText.printable("a\u{1B}[31mb\nc\u{9B}d\u{202E}e") == "a\u{FFFD}[31mb\u{FFFD}c\u{FFFD}d\u{FFFD}e")
    }

    @Test func coloursOfOurOwnStayWhereTheyAreWanted() {
        let line = "\u{1B}[1mbold\u{1B}[0m and \u{1B}]0;title"
        #expect(DisplayText.printableLine(line, keepsColour: true) == "\u{1B}[1mbold\u{1B}[0m and \u{FFFD}]0;title")
        #expect(DisplayText.printableLine(line, keepsColour: false) == "\u{FFFD}[1mbold\u{FFFD}[0m and \u{FFFD}]0;title")
    }

    @Test func cuttingNeverSplitsAWideCharacter() {
        #expect(DisplayText.truncated("日本語", to: 4) == "日…")
        #expect(DisplayText.truncated("abc", to: 3) == "abc")
        #expect(DisplayText.truncated("abc", to: 0) == "")
    }
}

@Suite struct TableTests {
    @Test func columnsAlignWhateverTheirScript() {
        var table = Table("NAME", "#N", "NOTE")
        table.add("日本", "5", "x")
        table.add("abcdef", "100", "")
        #expect(table.text == "NAME       N   NOTE\n日本       5   x\nabcdef   100   \n")
    }
}

@Suite struct TimeTextTests {
    private let zurich = TimeText(zone: TimeZone(identifier: "Europe/Zurich")!)
    private let noon = LogTime(rfc3339: "2026-11-21T12:00:00Z")!

    @Test func instantsAreShownInLocalTime() {
        #expect(zurich.full(noon) == "2026-11-21 13:00:00.000")
        #expect(zurich.clock(LogTime(rfc3339: "2026-07-01T12:00:00.0459Z")!) == "14:00:00.045")
    }

    @Test(arguments: [
        ("2026-11-21T14:03:00+01:00", "2026-11-21T13:03:00.000000Z"), ("2026-11-21 14:03:00", "2026-11-21T13:03:00.000000Z"),
        ("14:03", "2026-11-21T13:03:00.000000Z"), ("14:03:10.5", "2026-11-21T13:03:10.500000Z"),
        ("2026-07-01T14:03", "2026-07-01T12:03:00.000000Z"), ("2026-11-20", "2026-11-19T23:00:00.000000Z"),
        ("yesterday 14:03", "2026-11-20T13:03:00.000000Z"), ("yesterday", "2026-11-19T23:00:00.000000Z"),
        ("today 08:00", "2026-11-21T07:00:00.000000Z"), ("5m", "2026-11-21T11:55:00.000000Z"),
        ("1h30m", "2026-11-21T10:30:00.000000Z"), ("2d ago", "2026-11-19T12:00:00.000000Z"), ("90s", "2026-11-21T11:58:30.000000Z"),
    ])
    func instantsAreReadAsPeopleWriteThem(text: String, instant: String) {
        #expect(zurich.instant(text, today: noon)?.rfc3339 == instant)
    }

    @Test(arguments: ["", "14", "25:00", "tomorrow", "2026-13-01 10:00", "1 2 3", "5", "m", "5x", "5m later", "99999999999d", "1000000d"])
    func whatIsNoInstantIsRefused(text: String) {
        #expect(zurich.instant(text, today: noon) == nil)
    }

    @Test func aHeaderNamesTheZone() {
        #expect(zurich.header == "TIME (Europe/Zurich)")
        #expect(TimeText.utc.header == "TIME (UTC)")
    }

    @Test(arguments: [
        ("23:50", "2026-11-20T22:50:00.000000Z"), ("2026-11-21 23:50", "2026-11-21T12:00:00.000000Z"),
        ("2027-01-01", "2026-11-21T12:00:00.000000Z"),
    ])
    func theNearestPastOfAFutureTimeIsYesterdaysOrNow(text: String, nearest: String) {
        #expect(zurich.nearestPast(text, now: noon).rfc3339 == nearest)
    }
}

@Suite struct SparklineTests {
    @Test func theLargestIsAFullBlockAndNothingIsBlank() {
        #expect(Sparkline.text([0, 1, 4, 8], width: 10) == " ▁▄█")
        #expect(Sparkline.text([1, 1000], width: 10) == "▁█")
        #expect(Sparkline.text([1, 2, 3, 4], width: 2) == "▄█")
        #expect(Sparkline.text([], width: 5) == "")
    }
}

@Suite struct StyledLineTests {
    @Test func aLineIsCutByColumnsAndThenColoured() {
        var line = StyledLine("abc", .red)
        line.add("defg")
        #expect(line.text(width: 5, palette: Palette(isOn: true)) == "\u{1B}[31mabc\u{1B}[0md…")
        #expect(line.text(width: 80, palette: Palette(isOn: false)) == "abcdefg")
    }
}

@Suite struct FaultTests {
    @Test func aFaultIsOneLine() {
        #expect(Fault(.no, "a\nb", do: "c\n\u{1B}d").line == "a b: c \u{FFFD}d")
    }

    @Test(arguments: [
        ("can't be opened (SQLite says 14: unable to open database file)", "can't be opened"),
        ("the disk is full (SQLite says 13: database or disk is full (really))", "the disk is full"),
        ("SQLite says 1: no such table: x", "the file can't be used (code 1)"), ("there is no folder /x", "there is no folder /x"),
    ])
    func aLogsFaultIsToldWithoutSQLitesWords(problem: String, told: String) {
        let fault = Fault(LogError(.unreachable, operation: "open", path: "a.db", problem: problem, hint: "h"))
        #expect(fault.line == "can't open a.db: \(told): h")
    }
}

@Suite struct ProgressTests {
    @Test func progressSaysShareAndCounts() {
        #expect(ProgressBar.line("verify", done: 1_500, total: 3_000).hasPrefix("verify ███████████████░░░"))
        #expect(ProgressBar.line("verify", done: 1_500, total: 3_000).hasSuffix(" 50 %  1,500 of 3,000"))
        #expect(ProgressBar.line("x", done: 5, total: 0).contains("0 %"))
    }

    @Test(arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")])
    func thousandsAreApart(value: Int, text: String) {
        #expect(Grouped.text(value) == text)
    }
}
