// How is a picture kept in place on a terminal?
//
// Each frame is drawn over the one before: the cursor goes up by as many lines as that had, and what is left over is
// cleared. The cursor is hidden meanwhile and always comes back. A frame is one write, so it never flickers.

package struct LiveScreen {
    private var linesDrawn = 0
    private let palette: Palette

    package init(palette: Palette = .forOutput) { self.palette = palette }

    package mutating func draw(_ lines: [StyledLine]) {
        let size = Terminal.size()
        // The last row stays free for the cursor: a full screen would scroll.
        let shown = lines.prefix(max(1, size.rows - 1))
        var frame = linesDrawn > 0 ? "\u{1B}[\(linesDrawn)A\r" : "\u{1B}[?25l"
        for line in shown { frame += line.text(width: size.columns - 1, palette: palette) + "\u{1B}[K\n" }
        frame += "\u{1B}[J"
        Terminal.write(frame)
        linesDrawn = shown.count
    }

    /// Gives the cursor back; the last frame stays.
    package mutating func close() {
        guard linesDrawn > 0 else { return }
        Terminal.write("\u{1B}[?25h")
        linesDrawn = 0
    }
}
