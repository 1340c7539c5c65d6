import Bench

/// The program Bench: the benchmarks without the rest of Cortex.
@main
enum BenchMain {
    static func main() async { await BenchmarkCommand.main() }
}
