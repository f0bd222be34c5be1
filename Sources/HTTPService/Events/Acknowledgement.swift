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
        if !receipt.ambiguous.isEmpty { writeWarnings(receipt.ambiguous, &bytes) }
        bytes.writeInteger(UInt8(ascii: "}"))
    }

    /// What a producer should know of events that are in the log.
    private static func writeWarnings(_ ambiguous: [Int], _ bytes: inout ByteBuffer) {
        var json = JSONWriter()
        json.openArray()
        for index in ambiguous {
            json.openObject()
            json.member("index", index)
            json.member("detail", "its subject or worker is a name of several namespaces, so it changes nothing: send NAMESPACE/NAME")
            json.closeObject()
        }
        json.closeArray()
        bytes.writeStaticString(",\"warnings\":")
        bytes.writeBytes(json.bytes)
    }

    private static func write(_ value: Int64, _ bytes: inout ByteBuffer) {
        bytes.writeString(String(value))
    }
}
