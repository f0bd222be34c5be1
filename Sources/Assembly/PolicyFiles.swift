package import Autoscaling
package import Domain
import Foundation
import Output
import Policies
import Machine

// Which policies do the named files and folders hold?

package enum PolicyFiles {
    /// Files of a folder read as policies, at most.
    private static let filesPerFolder = 1_000

    /// - Parameter waiting: whether a pipe is read too, as a command line may name one; a service never waits for a writer.
    package static func read(_ paths: [String], now: LogTime, waiting: Bool = true) throws -> [Policy] {
        var policies: [Policy] = []
        for file in try paths.flatMap(expand) {
            let text = try waiting ? text(of: file) : content(of: file)
            do throws(PolicyError) {
                policies += try PolicyReader.policies(from: text, source: file, now: now)
            } catch {
                throw Fault(.no, error.firstLine, do: "correct it; `greenroom policy check \(file)` lists every problem")
            }
        }
        try refuseDoubles(policies)
        let shadows = Dictionary(grouping: policies.filter { $0.shadow != nil }, by: \.pool)
        if let crowded = shadows.filter({ $0.value.count > PolicyLimits.shadows }).keys.min() {
            throw Fault(.no, "pool \(crowded) has more than \(PolicyLimits.shadows) shadows", do: "keep the most telling ones")
        }
        return policies
    }

    /// What a command line names: a file, a pipe, or standard input as `-`.
    package static func text(of file: String) throws -> [UInt8] {
        let handle = file == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: file)
        // One byte more than is allowed tells a file that is too long.
        guard let data = try? handle?.read(upToCount: PolicyReader.textLimitBytes + 1) ?? (handle == nil ? nil : Data()) else {
            throw Fault(.unreachable, "can't read \(file)", do: "check that it exists and may be read")
        }
        return Array(data)
    }

    /// No two policies of one name.
    package static func refuseDoubles(_ policies: [Policy]) throws {
        let doubles = Dictionary(grouping: policies, by: \.name).filter { $0.value.count > 1 }.keys.sorted()
        guard let double = doubles.first else { return }
        throw Fault(.no, "there are two policies \(double)", do: "keep one of them, or give a shadow another name")
    }

    /// Two that are in effect together can't scale one target.
    static func refuseSharedTargets(_ policies: [Policy]) throws {
        let byTarget = Dictionary(grouping: policies.filter { $0.targetKey != nil }) { $0.targetKey }
        let shared = byTarget.values.filter { $0.count > 1 }.map { $0.map(\.name).sorted() }.min { $0[0] < $1[0] }
        guard let shared, let target = policies.first(where: { $0.name == shared[0] })?.targetKey else { return }
        throw Fault(
            .no, "the policies \(shared.joined(separator: " and ")) scale one target, \(target)",
            do: "keep one of them, or write mode: recommend into the others")
    }

    /// One byte more than is allowed tells the reader of a file that is too long.
    private static func content(of file: String) throws -> [UInt8] {
        do throws(SmallFile.Fault) { return try SmallFile.prefix(of: file, bytes: PolicyReader.textLimitBytes + 1) } catch {
            throw Fault(.unreachable, "the policy \(file) \(error)", do: "check that it is a file, exists and may be read")
        }
    }

    private static func expand(_ path: String) throws -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw Fault(.unreachable, "there is no policy at \(path)", do: "check the path")
        }
        guard isFolder.boolValue else { return [path] }
        let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { name in
            [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) }
        }
        guard names.count <= filesPerFolder else {
            throw Fault(.usage, "\(path) holds more than \(filesPerFolder) policies", do: "split the folder")
        }
        return names.sorted().map { path + "/" + $0 }
    }
}

extension PolicyError {
    /// The first problem, as `FILE:LINE:COLUMN: path: message`.
    fileprivate var firstLine: String {
        guard let first = problems.first else { return source }
        return "\(source):\(first.line):\(first.column): \(first.path): \(first.message)"
    }
}
