import Foundation
import Output
import Simulation

// Where does a report go?
//
// Into one file, whole or not at all: a page that is open in a browser is never half written.

enum ReportFile {
    static func write(_ report: Report, to path: String) throws {
        do {
            try Data(ReportPage.html(report).utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw Fault(.unreachable, "can't write the report \(path)", do: "check that its directory exists and may be written")
        }
        Terminal.writeError("greenroom: wrote \(DisplayText.printable(path))")
    }
}
