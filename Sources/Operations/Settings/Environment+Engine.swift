import VectorEngine

/// What the environment says about the store.
extension Environment {
    private static let standardRetentionDays = 30

    /// When full backups are made by themselves; nil for never.
    ///
    /// - Throws: `invalidArgument`.
    package func schedule() throws(EngineError) -> BackupSchedule? {
        let text = backupSchedule ?? BackupSchedule.nightly
        guard text != "off" else { return nil }
        do throws(EngineError) {
            return try BackupSchedule(text)
        } catch {
            throw EngineError(.invalidArgument, "BACKUP_SCHEDULE: \(error.message), or 'off'")
        }
    }

    /// Days that full backups are kept.
    ///
    /// - Throws: `invalidArgument`.
    package func retentionDays() throws(EngineError) -> Int {
        guard let text = backupRetentionDays else { return Self.standardRetentionDays }
        guard let days = Int(text), (0...36_500).contains(days) else {
            throw EngineError(.invalidArgument, "BACKUP_RETENTION_DAYS is 0 to 36500")
        }
        return days
    }

    /// The user's key; nil when there is none.
    package func storeKey() throws -> EncryptionKey? { try encryptionKey.map { try EncryptionKey(hex: $0) } }

    /// Where backups of the store in `directory` are.
    package func backups(of directory: String) -> String {
        backupLocation ?? BackupArchive.standardLocation(of: directory)
    }

    /// Settings of the store in `directory` for a writer: with the user's key, and with its log shipped to
    /// where its backups are.
    package func engineSettings(directory: String) throws -> EngineSettings {
        var settings = EngineSettings()
        settings.encryptionKey = try storeKey()
        settings.backupLocation = backups(of: directory)
        settings.backupSchedule = try schedule()
        settings.backupRetentionDays = try retentionDays()
        if let sealRows {
            settings.sealThreshold = sealRows
            settings.sealShare = 0
        }
        return settings
    }
}
