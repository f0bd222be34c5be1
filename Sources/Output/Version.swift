import BuildCommit

// Which build is this?

package enum Version {
    package static let text = "0.1.0"
    /// What `--version` prints: the commit too, or `unknown` where the build wasn't told it (`Package.swift`).
    package static let line = "\(text) (commit \(String(cString: greenroom_build_commit())))"
}
