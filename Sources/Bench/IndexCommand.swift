import ArgumentParser
import Foundation
import HNSW
import Vectors

/// `Bench index`: builds a graph over a data set with known neighbours and measures recall against queries a second.
struct IndexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index", abstract: "Builds a graph and measures recall@10 against queries a second.",
        discussion: """
            DIR holds base.npy and queries.npy (float32) and ground_truth.npy (row numbers, nearest first). One call a \
            query on one thread; every setting is measured in each of the rounds and the median is reported.
            """)

    @Option(help: "Directory of the data set.") var data: String
    @Option(help: "Threads that build.") var threads = 1
    @Option(help: "Metric: \(Metric.allCases.map(\.rawValue).joined(separator: ", ")).") var metric = "cosine"
    @Option(help: "Breadths (ef) to measure, separated by commas.")
    var breadths = "10,12,16,20,24,32,40,48,64,96,128,192"
    @Option(help: "Links on upper levels (M).") var connections = 16
    @Option(help: "Links on level 0; 3 · M unless given.") var baseConnections: Int?
    @Option(help: "Candidates while inserting (efConstruction).") var buildBreadth = HNSWParameters().buildBreadth
    @Option(help: "How much longer links may be than the paper's (alpha).") var spread = HNSWParameters().spread
    @Option(help: "Rounds over all queries at each breadth.") var rounds = 3
    @Option(help: "Use only the first rows of the base (0: all), with the truth searched exactly.")
    var rows = 0
    @Flag(help: "Count this process's CPU time, for a machine with other load; with one thread only.")
    var cpuTime = false
    @Flag(help: "One JSON object instead of a table.") var json = false

    /// Recall is counted over this many neighbours.
    static let k = 10

    func run() throws {
        let set = try DataSet(directory: data, metric: try parsedMetric(), rowLimit: rows, k: Self.k)
        var parameters = HNSWParameters()
        parameters.connections = connections
        parameters.baseConnections = baseConnections
        parameters.buildBreadth = buildBreadth
        parameters.spread = spread
        guard !cpuTime || threads == 1 else { throw ValidationError("CPU time says nothing about several threads") }
        let began = secondsNow()
        let index = try GraphIndex.build(
            block: set.block, rowCount: set.block.count, metric: set.metric, parameters: parameters, threads: threads)
        let buildSeconds = secondsNow() - began
        var report = IndexReport(
            rows: set.block.count, dimension: set.block.dimension, metric: set.metric.rawValue, threads: threads,
            kernels: DistanceKernels.best.name, buildSeconds: buildSeconds, graphBytes: index.graph.byteCount,
            serializedBytes: (0..<index.graph.partCount).reduce(0) { $0 + index.graph.part($1).count }, sweep: [])
        report.sweep = try sweep(index, set)
        report.queriesPerSecondAtRecall = ["0.95", "0.99"].reduce(into: [:]) {
            $0[$1] = Double($1).flatMap(report.queriesPerSecond(atRecall:))
        }
        try report.print(json: json)
    }

    private func parsedMetric() throws -> Metric {
        guard let value = Metric(rawValue: metric) else { throw ValidationError("there is no metric \(metric)") }
        return value
    }

    private func sweep(_ index: GraphIndex, _ set: DataSet) throws -> [IndexReport.Setting] {
        let list = try breadths.split(separator: ",").map { text in
            guard let value = Int(text.trimmingCharacters(in: .whitespaces)), HNSWParameters().accepts(breadth: value)
            else { throw ValidationError("\(text) is no breadth") }
            return value
        }
        guard rounds > 0 else { throw ValidationError("there must be a round at least") }
        var times = Array(repeating: [Double](), count: list.count)
        var recalls = Array(repeating: 0.0, count: list.count)
        for _ in 0..<rounds {
            for (i, breadth) in list.enumerated() {
                let began = secondsNow()
                let found = set.queryPointers { query in
                    index.search(query, k: Self.k, breadth: breadth, allowed: nil, deleted: nil)
                }
                times[i].append(secondsNow() - began)
                recalls[i] = set.recall(of: found)
            }
        }
        return list.indices.map { i in
            let median = times[i].sorted()[times[i].count / 2]
            return .init(
                breadth: list[i], recall: recalls[i], queriesPerSecond: Double(set.queryCount) / median)
        }
    }
}

extension IndexCommand {
    /// Seconds on the clock the user asked for; only differences mean anything.
    private func secondsNow() -> Double {
        var now = timespec()
        guard clock_gettime(cpuTime ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now) == 0 else { return .nan }
        return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
    }
}

func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

extension HNSWParameters {
    fileprivate func accepts(breadth: Int) -> Bool { Self.breadthRange.contains(breadth) }
}

/// What `Bench index` prints.
struct IndexReport: Codable {
    struct Setting: Codable {
        let breadth: Int
        let recall: Double
        let queriesPerSecond: Double
    }

    let rows: Int
    let dimension: Int
    let metric: String
    let threads: Int
    let kernels: String
    let buildSeconds: Double
    /// Links, codes and sketches; the floats come on top.
    let graphBytes: Int
    let serializedBytes: Int
    var sweep: [Setting]
    /// Interpolated (logarithm of queries a second over recall) between neighbouring settings; absent when out of
    /// reach.
    var queriesPerSecondAtRecall: [String: Double] = [:]

    func queriesPerSecond(atRecall wanted: Double) -> Double? {
        let ordered = sweep.sorted { $0.recall < $1.recall }
        guard let above = ordered.firstIndex(where: { $0.recall >= wanted }) else { return nil }
        guard above > 0 else { return nil }
        let low = ordered[above - 1], high = ordered[above]
        let share = (wanted - low.recall) / (high.recall - low.recall)
        return exp(log(low.queriesPerSecond) * (1 - share) + log(high.queriesPerSecond) * share)
    }

    func print(json: Bool) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
            Swift.print(String(decoding: try encoder.encode(self), as: UTF8.self))
            return
        }
        Swift.print("\(rows) × \(dimension), \(metric), kernels \(kernels)")
        Swift.print(String(format: "build %.2f s on %d thread(s), graph %d bytes", buildSeconds, threads, graphBytes))
        for setting in sweep {
            Swift.print(
                String(
                    format: "ef %4d  recall %.4f  %8.0f q/s", setting.breadth, setting.recall,
                    setting.queriesPerSecond))
        }
        for (recall, rate) in queriesPerSecondAtRecall.sorted(by: { $0.key < $1.key }) {
            Swift.print(String(format: "at recall %@: %.0f q/s", recall, rate))
        }
    }
}
