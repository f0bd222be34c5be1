// How do the runs look side by side?

public enum ReportPage {
    /// The page: one HTML document that needs nothing else.
    public static func html(_ report: Report) -> String { "<!doctype html><title></title>" }
}
