// How many seconds is a duration?

extension Duration {
    package var inSeconds: Double { self / .seconds(1) }
}
