import Machine

// What is in this file of the cluster's access, if it isn't absurdly large?

enum BoundedFile {
    static func read(_ path: String, limitBytes: Int = ConfigurationFile.limitBytes) throws(ClusterAccessFault) -> [UInt8] {
        let bytes: [UInt8]
        do throws(SmallFile.Fault) { bytes = try SmallFile.read(path, limitBytes: limitBytes) } catch {
            throw ClusterAccessFault(path, "\(error)")
        }
        guard !bytes.isEmpty else { throw ClusterAccessFault(path, "is empty") }
        return bytes
    }

    static func text(_ path: String) throws(ClusterAccessFault) -> String {
        guard let text = String(validating: try read(path), as: UTF8.self) else { throw ClusterAccessFault(path, "is not UTF-8 text") }
        return text
    }
}
