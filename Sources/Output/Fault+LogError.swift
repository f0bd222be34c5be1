package import EventLog

// What does a log that fails mean for who asked?

extension Fault {
    package init(_ error: LogError) {
        // What was opened and is damaged is an answer; what could not be opened is none.
        self.init(error.reason == .damaged ? .no : .unreachable, "can't \(error.operation) \(error.path): \(error.problem)", do: error.hint)
    }
}
