// What does a line look like before it is known how wide the screen is?
//
// Text in pieces with a style each: cut to the screen's width by columns, then coloured, so that a cut never falls into
// an escape sequence.

package struct StyledLine: Hashable, Sendable {
    package enum Style: Hashable, Sendable { case plain, bold, dim, red, green, yellow, blue, cyan }

    private(set) var spans: [(text: String, style: Style)] = []

    package init(_ text: String = "", _ style: Style = .plain) { add(text, style) }

    package mutating func add(_ text: String, _ style: Style = .plain) {
        if !text.isEmpty { spans.append((DisplayText.printable(text), style)) }
    }

    /// Adds text filled up with spaces to `width` columns.
    package mutating func add(_ text: String, width: Int, _ style: Style = .plain) {
        add(DisplayText.padded(DisplayText.truncated(text, to: width), to: width), style)
    }

    package func text(width: Int, palette: Palette) -> String {
        var left = width
        var out = ""
        for span in spans where left > 0 {
            let piece = DisplayText.truncated(span.text, to: left)
            left -= DisplayText.width(piece)
            out += paint(piece, span.style, palette)
        }
        return out
    }

    private func paint(_ text: String, _ style: Style, _ palette: Palette) -> String {
        switch style {
        case .plain: text
        case .bold: palette.bold(text)
        case .dim: palette.dim(text)
        case .red: palette.red(text)
        case .green: palette.green(text)
        case .yellow: palette.yellow(text)
        case .blue: palette.blue(text)
        case .cyan: palette.cyan(text)
        }
    }

    package static func == (a: StyledLine, b: StyledLine) -> Bool {
        a.spans.elementsEqual(b.spans) { $0.text == $1.text && $0.style == $1.style }
    }

    package func hash(into hasher: inout Hasher) {
        for span in spans {
            hasher.combine(span.text)
            hasher.combine(span.style)
        }
    }
}
