import Files
import Foundation
import Logging

/// Settings of the embedded engine.
public struct EngineSettings: Sendable {
    /// Flat rows a collection may have before they are sealed; below this a scan is as fast as a graph.
    public var sealThreshold = 8192
    /// Flat rows are also left until they are this share of the sealed ones, so that merging stays cheap.
    public var sealShare = 0.05
    /// Flat rows beside a graph, and their share of its rows, from which on they are sealed once nothing has been
    /// written for `sealRest`: a query scans them all.
    public var restingThreshold = 1024
    public var restingShare = 0.01
    public var sealRest = Duration.seconds(2)
    /// Deleted rows of a stored segment, as a share, above which they leave its graph, whose links are mended.
    public var repairShare = 0.1
    /// The same, above which the graph is built from scratch without them.
    public var rebuildShare = 0.3
    /// Threads that build a graph; 0 means one less than the machine has, at least one.
    public var buildThreads = 0
    /// Whether the store seals by itself when the threshold is passed.
    public var sealsAutomatically = true
    /// Microseconds since 1970: when a change was committed, for `restore --to-time`.
    public var now: @Sendable () -> Int64 = { WallClock.microseconds() }

    /// Calls that may wait to be written to one collection, and the bytes of their points; more are refused.
    public var queuedWrites = EngineLimits.queuedWrites
    public var queuedBytes = EngineLimits.queuedBytes

    /// Where the change log is shipped to, once it holds a full backup; nil ships nothing.
    public var backupLocation: String?

    /// When full backups are made by a process that stays up, once there is a first one; nil makes none.
    package var backupSchedule: BackupSchedule?
    /// Days that scheduled backups are kept.
    package var backupRetentionDays = 30

    /// Seals what is stored; nil stores plainly.
    public var encryptionKey: EncryptionKey?

    /// Is told of every step of a sealing, on the thread that seals.
    package var observeSealing: @Sendable (SealingStep) -> Void = { _ in }

    /// Where failures in the background are logged.
    package var logger = Logger.engine

    public init() {}

    /// From this share on deleted rows are dropped, the one way or the other.
    var leastDroppedShare: Double { min(repairShare, rebuildShare) }

    var threads: Int { buildThreads > 0 ? buildThreads : max(1, ProcessInfo.processInfo.activeProcessorCount - 1) }
}

/// A step of a sealing, for tests that count or disturb them.
package enum SealingStep: String, Sendable {
    /// A graph is being built of flat rows alone.
    case building
    /// Flat rows are being inserted into a stored graph.
    case merging
    /// The result is being written.
    case storing
    case done
    /// Given up: the rows stay flat and exact.
    case failed
}
