import Domain
import EventLog
import NIOCore

// How is a producer told what became of its events?
//
//     {"accepted":2,"duplicates":1,"firstSeq":41,"lastSeq":43,"positions":[42,41,43]}
//
// Written straight into the answer's buffer: this is the one body that every request of the hot path has.

enum Acknowledgement {
    static func write(_ receipt: AppendReceipt, to bytes: inout ByteBuffer) {
        bytes.writeStaticString("{\"accepted\":")
        write(Int64(receipt.accepted), &bytes)
        bytes.writeStaticString(",\"duplicates\":")
        write(Int64(receipt.duplicates), &bytes)
        bytes.writeStaticString(",\"firstSeq\":")
        write(receipt.firstSeq, &bytes)
        bytes.writeStaticString(",\"lastSeq\":")
        write(receipt.lastSeq, &bytes)
        if receipt.duplicates > 0, !receipt.positions.isEmpty {
            bytes.writeStaticString(",\"positions\":[")
            for (k, position) in receipt.positions.enumerated() {
                if k > 0 { bytes.writeInteger(UInt8(ascii: ",")) }
                write(position, &bytes)
            }
            bytes.writeInteger(UInt8(ascii: "]"))
        }
        if !receipt.conflicts.isEmpty {
            bytes.writeStaticString(",\"conflicts\":")
            bytes.writeBytes(conflicts(receipt))
        }
        if !receipt.ambiguous.isEmpty || !receipt.inNewPools.isEmpty { writeWarnings(receipt, &bytes) }
        bytes.writeInteger(UInt8(ascii: "}"))
    }

    /// `[{"index":1,"seq":41}]`: which events, and where the ones lie that had their source and id first.
    static func conflicts(_ receipt: AppendReceipt) -> [UInt8] {
        var json = JSONWriter()
        json.openArray()
        for conflict in receipt.conflictPositions {
            json.openObject()
            json.member("index", conflict.index)
            json.member("seq", conflict.seq)
            json.closeObject()
        }
        json.closeArray()
        return json.bytes
    }

    /// What a producer should know of events that are in the log.
    private static func writeWarnings(_ receipt: AppendReceipt, _ bytes: inout ByteBuffer) {
        var json = JSONWriter()
        json.openArray()
        func warn(_ index: Int, _ detail: String) {
            json.openObject()
            json.member("index", index)
            json.member("detail", detail)
            json.closeObject()
        }
        for index in receipt.ambiguous {
            warn(index, "its subject or worker is a name of several namespaces, so it changes nothing: send NAMESPACE/NAME")
        }
        for index in receipt.inNewPools {
            warn(
                index,
                "nothing in the log named its pool before: it has no policy and no workers. If the name is misspelt, withdraw the actor and delete the pool"
            )
        }
        json.closeArray()
        bytes.writeStaticString(",\"warnings\":")
        bytes.writeBytes(json.bytes)
    }

    private static func write(_ value: Int64, _ bytes: inout ByteBuffer) {
        bytes.writeString(String(value))
    }
}
