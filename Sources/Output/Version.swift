// Which version of Greenroom is this?

package enum Version {
    package static let text = "0.1.0"
}
