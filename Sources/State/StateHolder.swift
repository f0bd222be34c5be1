/// The state where a loop holds it. Whoever reads it is lent it, and nobody gets a copy by accident: one retains all that the
/// state holds, which costs more than most questions.
struct StateHolder: ~Copyable {
    var state: World
}
