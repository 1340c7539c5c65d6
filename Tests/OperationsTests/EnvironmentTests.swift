import Foundation
import Operations
import Testing
import VectorEngine

@Suite("What the environment says")
struct EnvironmentTests {
    @Test(
        "The data directory is CORTEX_DATA, else below XDG_DATA_HOME where that is absolute, else below the home",
        arguments: [
            (["HOME": "/h"], "/h/.local/share/cortex"),
            (["HOME": "/h", "XDG_DATA_HOME": "/x"], "/x/cortex"),
            (["HOME": "/h", "XDG_DATA_HOME": "x"], "/h/.local/share/cortex"),
            (["HOME": "/h", "XDG_DATA_HOME": ""], "/h/.local/share/cortex"),
            (["HOME": "/h", "XDG_DATA_HOME": "/x", "CORTEX_DATA": "/d"], "/d"),
            (["HOME": "/h", "CORTEX_DATA": "~/d"], "/h/d"),
            (["HOME": "/h", "CORTEX_DATA": "~"], "/h"),
        ])
    func dataDirectory(variables: [String: String], expected: String) {
        #expect(Environment(variables).dataDirectory == expected)
    }

    @Test("A path means the same wherever it is given: ~ is HOME, and ~ inside or before a name is a letter")
    func absolute() {
        let environment = Environment(["HOME": "/h", "BACKUP_LOCATION": "~/b"])
        #expect(environment.absolute("~") == "/h")
        #expect(environment.absolute("~/a") == "/h/a")
        #expect(environment.absolute("/a/~/b") == "/a/~/b")
        #expect(environment.absolute("/a/../b") == "/b")
        #expect(environment.absolute("~a") == FileManager.default.currentDirectoryPath + "/~a")
        #expect(environment.backups(of: "/d") == "/h/b")
        #expect(Environment(["HOME": "/h"]).backups(of: "/d") == BackupArchive.standardLocation(of: "/d"))
        var settings = HouseSettings(environment: environment)
        settings.data = "~/memories"
        #expect(settings.directory == "/h/memories")
    }

    @Test("Numbers and schedules that cannot be are refused with the name of their variable")
    func refusals() throws {
        for days in ["-1", "36501", "9223372036854775808", "1.5", "many"] {
            let error = #expect(throws: EngineError.self) {
                try Environment(["BACKUP_RETENTION_DAYS": days]).retentionDays()
            }
            #expect(error?.message.contains("BACKUP_RETENTION_DAYS") == true)
        }
        for days in [0, 36_500] {
            #expect(try Environment(["BACKUP_RETENTION_DAYS": "\(days)"]).retentionDays() == days)
        }
        let error = #expect(throws: EngineError.self) { try Environment(["BACKUP_SCHEDULE": "hourly"]).schedule() }
        #expect(error?.message.contains("BACKUP_SCHEDULE") == true)
        #expect(try Environment(["BACKUP_SCHEDULE": "off"]).schedule() == nil)
        #expect(try Environment([:]).schedule()?.text == BackupSchedule.nightly)
        #expect(throws: EngineError.self) { try Environment(["ENCRYPTION_KEY": "abc"]).storeKey() }
        #expect(try Environment([:]).storeKey() == nil)
    }

    @Test("Only a positive number of rows changes when rows are sealed")
    func sealRows() throws {
        for text in ["0", "-5", "x"] {
            let settings = try Environment(["CORTEX_TEST_SEAL_ROWS": text]).engineSettings(directory: "/d")
            #expect(settings.sealThreshold == EngineSettings().sealThreshold)
        }
        #expect(try Environment(["CORTEX_TEST_SEAL_ROWS": "7"]).engineSettings(directory: "/d").sealThreshold == 7)
    }
}
