import Commands

// Where does the program begin? On the command line: see `Commands`.

@main
enum Main {
    static func main() async { await Greenroom.main() }
}
