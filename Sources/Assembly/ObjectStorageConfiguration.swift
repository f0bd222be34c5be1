import Foundation
import ObjectStorage

// What does the section `objectStorage` say?
//
// A section a store, `s3` and `gs`, each with defaults; without one the store is not looked at. Keys come from the environment, or
// from files in the folder of secrets, which are read when they are used.

struct ObjectStorageConfiguration: Sendable {
    var s3: Store?
    var gs: Store?
    var survey = SnapshotSurvey.Configuration()

    struct Store: Sendable {
        var endpoint: StoreEndpoint
        var region: String
        var keys = Keys.environment
        var authorityFile: String?
    }

    enum Keys: Sendable {
        case environment
        case anonymous
        case files(id: String, secret: String, sessionToken: String?)
    }

    static let looksPerSecond = 0.01...1_000.0
    static let everySeconds = 1.0...86_400.0
    static let goldenLimit = 1_000

    init(_ section: inout ConfigurationSection, resolve: (String) -> String) throws {
        let environment = ProcessInfo.processInfo.environment
        if var own = try section.section("s3") {
            s3 = try Self.store(&own, .s3, environment["AWS_REGION"] ?? StoreConfiguration.amazonRegion, resolve)
        }
        if var own = try section.section("gs") { gs = try Self.store(&own, .gs, StoreConfiguration.googleRegion, resolve) }
        if let pace = try section.number("looksPerSecond") {
            survey.looksPerSecond = try Self.inside(Self.looksPerSecond, pace, "looksPerSecond", section)
        }
        if let trust = try section.number("trustSeconds") {
            survey.trustSeconds = try Self.inside(0...86_400, trust, "trustSeconds", section)
        }
        if var golden = try section.section("golden") { try readGolden(&golden) }
        try section.finish()
    }

    private mutating func readGolden(_ golden: inout ConfigurationSection) throws {
        if let every = try golden.number("everySeconds") {
            survey.goldensEverySeconds = try Self.inside(Self.everySeconds, every, "everySeconds", golden)
        }
        for text in try golden.strings("locations") { survey.goldens.append(GoldenLayout(try location(text, "locations", golden))) }
        if var templates = try golden.section("templates") {
            for name in templates.names {
                survey.goldens.append(GoldenLayout(try location(try templates.required(name), name, templates), template: name))
            }
            try templates.finish()
        }
        guard survey.goldens.count <= Self.goldenLimit else {
            throw golden.fault("locations", "are more than \(Self.goldenLimit), with templates")
        }
        try golden.finish()
    }

    private func location(_ text: String, _ name: String, _ section: ConfigurationSection) throws -> ObjectLocation {
        let location: ObjectLocation
        do throws(LocationFault) { location = try ObjectLocation(text) } catch { throw section.fault(name, "names no location: \(error)") }
        guard (location.store == .s3 ? s3 : gs) != nil else {
            throw section.fault(name, "is in \(location.store.rawValue), which objectStorage has no section for")
        }
        return location
    }

    private static func store(
        _ section: inout ConfigurationSection, _ store: ObjectLocation.Store, _ region: String, _ resolve: (String) -> String
    ) throws -> Store {
        var style: StoreEndpoint.Style?
        if let text = try section.string("style") {
            style = StoreEndpoint.Style(rawValue: text)
            if style == nil { throw section.fault("style", "must be path or virtualHosted") }
        }
        let address = try section.string("endpoint")
        let endpoint: StoreEndpoint
        do throws(EndpointFault) { endpoint = try StoreEndpoint(address, for: store, style: style) } catch {
            throw section.fault("endpoint", "is none: \(error)")
        }
        var read = Store(endpoint: endpoint, region: try section.string("region") ?? region)
        guard StoreConfiguration.isRegion(read.region) else { throw section.fault("region", "must be lower-case letters, digits and -") }
        read.authorityFile = try section.string("authority").map(resolve)
        read.keys = try keys(&section)
        try section.finish()
        return read
    }

    private static func keys(_ section: inout ConfigurationSection) throws -> Keys {
        let anonymous = try section.bool("anonymous") ?? false
        guard var files = try section.section("keyFiles") else { return anonymous ? .anonymous : .environment }
        if anonymous { throw section.fault("keyFiles", "are named, and anonymous is true: take one of them away") }
        let keys = Keys.files(
            id: try files.required("accessKeyId"), secret: try files.required("secretAccessKey"),
            sessionToken: try files.string("sessionToken"))
        try files.finish()
        return keys
    }

    private static func inside(_ range: ClosedRange<Double>, _ value: Double, _ name: String, _ section: ConfigurationSection) throws
        -> Double
    {
        guard range.contains(value) else { throw section.fault(name, "must be \(range.lowerBound) to \(range.upperBound)") }
        return value
    }
}
