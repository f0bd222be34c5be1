// What does a cron expression mean to KEDA, in the words of ours?
//
// KEDA reads it with robfig/cron 3: five fields and perhaps `TZ=zone` before them. Ours is cron(5). The two differ in a star
// with a step. Beside a weekday, `*/2` in the day of month needs both days in cron(5). Robfig takes it for the list 1,3,5,…,
// and needs one of the two. So it is written as `1-31/2`, which needs one in both. A star within a list is one to robfig alone.

struct KEDACron {
    /// What ours means by the same.
    private(set) var expression: String
    private(set) var timezone: String?
    private(set) var isRewritten = false
    let why = "KEDA's parser takes a star with a step for a list of days, so that a day needs one of its two fields alone"

    private static let ranges = [0...59, 0...23, 1...31, 1...12, 0...6]

    init(_ text: String) {
        var fields = text.split(whereSeparator: { $0 == " " || $0 == "\t" })[...]
        if let first = fields.first, let mark = ["TZ=", "CRON_TZ="].first(where: first.hasPrefix) {
            timezone = String(first.dropFirst(mark.count))
            fields.removeFirst()
        }
        guard fields.count == Self.ranges.count else {
            expression = fields.joined(separator: " ")
            return
        }
        var written = fields.map(String.init)
        // Of the other fields a star with a step means the same to both; of the days, where one of the two is a star alone.
        let days = [2, 4].map { Self.items(written[$0]) }
        let isStar = days.map { $0.contains(where: Self.isStar) }
        for (place, field) in zip([2, 4], days) {
            if isStar[place == 2 ? 0 : 1], field.count > 1 { written[place] = "*" }
        }
        if !isStar.contains(true) {
            for (place, field) in zip([2, 4], days) where field.contains(where: Self.hasStepOfStar) {
                written[place] = field.map {
                    Self.hasStepOfStar($0) ? "\(Self.ranges[place].lowerBound)-\(Self.ranges[place].upperBound)/\(Self.step($0))" : $0
                }
                .joined(separator: ",")
                isRewritten = true
            }
        }
        expression = written.joined(separator: " ")
    }

    private static func items(_ field: String) -> [String] { field.split(separator: ",").map(String.init) }
    private static func beginsWithStar(_ item: String) -> Bool {
        item == "*" || item == "?" || ["*/", "?/", "*-", "?-"].contains(where: item.hasPrefix)
    }
    private static func step(_ item: String) -> String {
        item.split(separator: "/", omittingEmptySubsequences: false).dropFirst().first.map(String.init) ?? "1"
    }
    private static func isStar(_ item: String) -> Bool { beginsWithStar(item) && Int(step(item)) == 1 }
    private static func hasStepOfStar(_ item: String) -> Bool { beginsWithStar(item) && Int(step(item)).map { $0 > 1 } ?? false }
}
