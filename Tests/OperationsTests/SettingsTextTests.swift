import Foundation
import Operations
import TestSupport
import Testing

@Suite("Settings of MCP clients")
struct ClientSettingsTests {
    private func settings(_ client: MCPClient, _ text: String, _ arguments: [String] = ["mcp"]) throws -> String {
        try client.settings(text, command: "/opt/cortex", arguments: arguments)
    }

    @Test("A second run changes nothing", arguments: MCPClient.allCases)
    func isIdempotent(client: MCPClient) throws {
        for text in ["", "\n", client == .codex ? "model = \"o\"\n" : "{}"] {
            let once = try settings(client, text)
            #expect(once != text)
            #expect(try settings(client, once) == once)
        }
    }

    @Test("Another program or other arguments change the entry alone")
    func entryIsRenewed() throws {
        let old = """
            {
              // mine
              "mcpServers": {
                "other": {"command": "x"},
                "cortex": {
                  "command": "/old/cortex", // from before
                  "args": ["mcp"],
                  "env": {"CORTEX_PROJECT": "p"},
                },
              },
            }

            """
        let new = try settings(.cursor, old, ["mcp", "--data", "/d"])
        #expect(
            new
                == old.replacing("\"/old/cortex\"", with: "\"/opt/cortex\"").replacing(
                    "[\"mcp\"]", with: "[\"mcp\", \"--data\", \"/d\"]"))
    }

    @Test(
        "The file keeps its bytes, and the entry is added behind them",
        arguments: [
            ("{\"a\": 1}", "{\"a\": 1,\n  \"mcpServers\": {\n    \"cortex\": "),
            ("{\n\t\"a\": 1 // one\n}\n", "{\n\t\"a\": 1, // one\n\t\"mcpServers\": {\n\t\t\"cortex\": "),
            ("{\n  \"a\": [1, 2,], /* two */\n}", "{\n  \"a\": [1, 2,], /* two */\n  \"mcpServers\": {"),
            (
                "{\n    \"mcpServers\": {}\n}\n",
                "{\n    \"mcpServers\": {\n        \"cortex\": {\n            \"command\""
            ),
            ("\u{FEFF}{}\n", "\u{FEFF}{\n  \"mcpServers\": {"),
        ])
    func additions(old: String, beginning: String) throws {
        let new = try settings(.cursor, old)
        #expect(new.utf8.starts(with: beginning.utf8), "\(new)")
        #expect(try settings(.cursor, new) == new)
    }

    @Test(
        "A file that is not settings is refused with the line of the fault",
        arguments: [
            ("[1]", "line 1"), ("{\n\"a\" 1}", "line 2: a colon"), ("{\"a\": 1} x", "after the settings"),
            ("{\"mcpServers\": []}", "an object was expected at mcpServers"), ("{\"a\": \"x\n\"}", "does not end"),
            ("{\"a\": 1 \"b\": 2}", "a comma is missing"), ("{\"a\"", "line 1"),
            (String(repeating: "{\"a\":", count: 200), "nested too deeply"),
        ])
    func refusals(text: String, part: String) {
        let error = #expect(throws: SettingsError.self) { try settings(.cursor, text) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test("Codex's table is found in a file with carriage returns, which it keeps")
    func codexWithCarriageReturns() throws {
        let old = "model = \"gpt\"\r\n\r\n[mcp_servers.cortex]\r\ncommand = \"/old\"\r\n\r\n[profiles.a]\r\nx = 1\r\n"
        let renewed = try settings(.codex, old)
        #expect(
            renewed == "model = \"gpt\"\r\n\r\n[mcp_servers.cortex]\r\nargs = [\"mcp\"]\r\ncommand = \"/opt/cortex\""
                + "\r\n\r\n[profiles.a]\r\nx = 1\r\n")
        #expect(try settings(.codex, renewed) == renewed)
        let added = try settings(.codex, "model = \"gpt\"\r\n")
        #expect(added.utf8.count { $0 == 0x0A } == added.utf8.count { $0 == 0x0D })
    }

    @Test("Codex's table is added behind the others, or renewed where it is")
    func codex() throws {
        let old = "model = \"gpt\" # mine\n\n[mcp_servers.other]\ncommand = \"x\""
        let added = try settings(.codex, old)
        #expect(added == old + "\n\n[mcp_servers.cortex]\ncommand = \"/opt/cortex\"\nargs = [\"mcp\"]\n")
        let renewed = try settings(.codex, added, ["mcp", "--data", "/d"])
        #expect(renewed == added.replacing("args = [\"mcp\"]", with: "args = [\"mcp\", \"--data\", \"/d\"]"))
        let spread = """
            [mcp_servers.cortex]  # here
            args = [
              "mcp", # serve
            ]
            startup_timeout_sec = 20
            command = "/old"
            [profiles.a]
            command = "untouched"

            """
        let changed = try settings(.codex, spread)
        #expect(
            changed == """
                [mcp_servers.cortex]  # here
                args = [
                  "mcp", # serve
                ]
                startup_timeout_sec = 20
                command = "/opt/cortex"
                [profiles.a]
                command = "untouched"

                """)
        #expect(throws: SettingsError.self) { try settings(.codex, "mcp_servers = { a = { command = \"x\" } }\n") }
    }

    @Test(
        "A table of Codex is changed where it is, however it is spelled",
        arguments: [
            (
                "mcp_servers.cortex.command = \"old\"\n",
                "mcp_servers.cortex.command = \"/opt/cortex\"\nmcp_servers.cortex.args = [\"mcp\"]\n"
            ),
            (
                "[ mcp_servers . 'cortex' ] # c\ncommand = 'old'",
                "[ mcp_servers . 'cortex' ] # c\nargs = [\"mcp\"]\ncommand = \"/opt/cortex\""
            ),
            (
                "[mcp_servers]\ncortex.command = \"old\"\n",
                "[mcp_servers]\ncortex.command = \"/opt/cortex\"\ncortex.args = [\"mcp\"]\n"
            ),
            (
                "[mcp_servers.\"c\\u006Frtex\"]\r\ncommand = \"old\"\r\n",
                "[mcp_servers.\"c\\u006Frtex\"]\r\nargs = [\"mcp\"]\r\ncommand = \"/opt/cortex\"\r\n"
            ),
            (
                "a = \"\"\"\n[mcp_servers.cortex]\n\"\"\"\n",
                "a = \"\"\"\n[mcp_servers.cortex]\n\"\"\"\n\n"
                    + "[mcp_servers.cortex]\ncommand = \"/opt/cortex\"\nargs = [\"mcp\"]\n"
            ),
            ("a = 1\r\n", "a = 1\r\n\r\n[mcp_servers.cortex]\r\ncommand = \"/opt/cortex\"\r\nargs = [\"mcp\"]\r\n"),
            (
                "[mcp_servers.cortex]\nargs = [ 'mcp', '--project', \"p\" ]\n",
                "[mcp_servers.cortex]\ncommand = \"/opt/cortex\"\nargs = [ 'mcp', '--project', \"p\" ]\n"
            ),
        ])
    func codexSpellings(old: String, new: String) throws {
        let changed = try settings(.codex, old)
        #expect(changed.utf8.elementsEqual(new.utf8), "\(changed)")
        #expect(try settings(.codex, changed) == changed)
    }

    @Test(
        "A Codex file in which no table can be changed safely is refused, with its line",
        arguments: [
            ("[mcp_servers]\na = 1\ncortex = { command = 'old' }\n", "line 3: the server is written as an inline"),
            ("mcp_servers = {}\n", "line 1: the server is written"), ("[[mcp_servers]]\na = 1\n", "cannot be changed"),
            ("a = 1\n[b]\n[b]\n", "line 3: b is defined twice"), ("a = 'x\n", "line 1"), ("a = [1,,]\n", "line 1"),
            ("a = \"\\q\"\n", "line 1: a backslash"), ("a = 1 b = 2\n", "line 1: the line goes on"),
            ("[mcp_servers.cortex]\ncommand.x = 1\n", "cannot be changed"), ("[a\n", "line 1: a bracket is missing"),
            ("a = \(String(repeating: "[", count: 200))", "nested too deeply"),
        ])
    func codexRefusals(text: String, part: String) {
        let error = #expect(throws: SettingsError.self) { try settings(.codex, text) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test("Arguments that the person added to the entry stay, and the data directory is the one that was asked for")
    func addedArguments() throws {
        func args(_ present: String, _ wanted: [String]) throws -> String {
            let old = "{\"mcpServers\": {\"cortex\": {\"command\": \"/opt/cortex\", \"args\": \(present)}}}"
            return try #require(
                try settings(.cursor, old, wanted).split(separator: "\"args\": ").last.map { String($0) })
        }
        let data = ["mcp", "--data", "/d"]
        #expect(try args(#"["mcp", "--project", "p"]"#, ["mcp"]) == #"["mcp", "--project", "p"]}}}"#)
        #expect(try args(#"["mcp", "--data", "/e"]"#, ["mcp"]) == #"["mcp", "--data", "/e"]}}}"#)
        #expect(try args(#"["mcp", "--x", "--data", "/e"]"#, data) == #"["mcp", "--x", "--data", "/d"]}}}"#)
        #expect(try args(#"["mcp", "--data=/e"]"#, data) == #"["mcp", "--data=/d"]}}}"#)
        #expect(try args(#"["mcp", "--x"]"#, data) == #"["mcp", "--data", "/d", "--x"]}}}"#)
        #expect(try args(#"["-y", "other"]"#, ["mcp"]) == #"["mcp"]}}}"#)
    }

    @Test("A file whose lines end with CR and LF gets such lines, and the difference shows the changed ones alone")
    func lineEnds() throws {
        let old = "{\r\n\t\"a\": 1,\r\n\t\"mcpServers\": {\r\n\t}\r\n}\r\n"
        let new = try settings(.claudeCode, old)
        #expect(new.utf8.count { $0 == 0x0A } == new.utf8.count { $0 == 0x0D })
        #expect(new.contains("\"cortex\": {\r\n"))
        #expect(SettingsFile.difference(old, new).filter { $0.hasPrefix("- ") }.isEmpty)
    }

    @Test("An entry or a hook of an unexpected form is refused, and an entry that is switched off is known")
    func unexpectedForms() throws {
        for text in [#"{"mcpServers": {"cortex": "x"}}"#, #"{"mcpServers": {"cortex": []}}"#] {
            let error = #expect(throws: SettingsError.self) { try settings(.cursor, text) }
            #expect(error?.message == "mcpServers.cortex is not an object")
        }
        let error = #expect(throws: SettingsError.self) {
            try ClaudeHook.settings(#"{"hooks": {"SessionStart": {"x": 1}}}"#, program: "/c", arguments: [])
        }
        #expect(error?.message == "hooks.SessionStart is not a list")
        #expect(try MCPClient.cursor.isSwitchedOff(#"{"mcpServers": {"cortex": {"disabled": true}}}"#))
        #expect(try MCPClient.zed.isSwitchedOff(#"{"context_servers": {"cortex": {"enabled": false}}}"#))
        #expect(try MCPClient.codex.isSwitchedOff("mcp_servers.cortex.enabled = false\n"))
        #expect(try !MCPClient.cursor.isSwitchedOff(#"{"mcpServers": {"cortex": {"disabled": false}}}"#))
    }

    @Test("A name with a quote in it stays one text in every form", arguments: MCPClient.allCases)
    func quotes(client: MCPClient) throws {
        let once = try client.settings("", command: "/a \"b\"\\c/cortex", arguments: ["mcp"])
        #expect(once.contains(#""/a \"b\"\\c/cortex""#))
        #expect(try client.settings(once, command: "/a \"b\"\\c/cortex", arguments: ["mcp"]) == once)
    }

    @Test("The hook is added beside other hooks, renewed, and not added twice")
    func hook() throws {
        func hooked(_ text: String, _ program: String = "/opt/cortex") throws -> String {
            try ClaudeHook.settings(text, program: program, arguments: [])
        }
        let old = """
            {
              "hooks": {
                "SessionStart": [
                  {"matcher": "startup", "hooks": [{"type": "command", "command": "echo"}]}
                ],
                "Stop": []
              }
            }
            """
        let once = try hooked(old)
        #expect(once.contains("\"command\": \"echo\"") && once.contains("\"/opt/cortex hook session-start\""))
        #expect(try hooked(once) == once)
        let moved = try hooked(once, "/new/bin/cortex")
        #expect(moved.contains("/new/bin/cortex hook session-start") && !moved.contains("/opt/cortex"))
        #expect(moved.contains("\"command\":\"echo\"") || moved.contains("\"command\": \"echo\""))
        let spaced = try hooked("", "/my programs/cortex")
        #expect(spaced.contains("'/my programs/cortex' hook session-start"))
        #expect(try hooked(spaced, "/my programs/cortex") == spaced)
    }

    @Test("A file is replaced in one step, keeps its mode, and a copy of the old one is kept beside it")
    func files() throws {
        let scratch = ScratchDirectory()
        let path = scratch.path + "/deep/mcp.json"
        let new = try SettingsFile(path)
        #expect(!new.exists && new.text.isEmpty)
        #expect(try new.replace(with: "{}\n") == nil)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        // People link to where their settings are.
        let link = scratch.path + "/link.json"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        let linked = try SettingsFile(link)
        let copy = try #require(try linked.replace(with: "{\"a\": 1}\n"))
        #expect(try String(contentsOfFile: copy, encoding: .utf8) == "{}\n")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "{\"a\": 1}\n")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o640)
        #expect(try SettingsFile(path).replace(with: "{}") != copy)
        #expect(throws: SettingsError.self) { try SettingsFile(scratch.path) }
    }

    @Test("The difference shows what goes and what comes, with the lines around")
    func difference() {
        let old = (1...9).map { "\($0)" }.joined(separator: "\n") + "\n"
        #expect(
            SettingsFile.difference(old, old.replacing("5", with: "five\nsix"))
                == ["  2", "  3", "  4", "- 5", "+ five", "+ six", "  6", "  7", "  8"])
        #expect(SettingsFile.difference("", "a\n") == ["+ a"])
        #expect(SettingsFile.difference("a\na\n", "a\n") == ["  a", "- a"])
        #expect(SettingsFile.difference("a\n", "a\n").filter { !$0.hasPrefix(" ") }.isEmpty)
    }
}

@Suite("Where a checkout is")
struct GitFoldersTests {
    @Test("A worktree has the main worktree of its repository; a clone, a submodule and a folder inside have their own")
    func folders() throws {
        let scratch = ScratchDirectory()
        func write(_ path: String, _ text: String) throws {
            let full = scratch.path + "/" + path
            try FileManager.default.createDirectory(
                atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try text.write(toFile: full, atomically: true, encoding: .utf8)
        }
        try write("main/.git/HEAD", "ref: refs/heads/main\n")
        try write("main/.git/worktrees/w/commondir", "../..\n")
        try write("w/.git", "gitdir: \(scratch.path)/main/.git/worktrees/w\n")
        try write("w/docs/a.md", "a")
        try write("main/sub/.git", "gitdir: ../.git/modules/sub\n")
        try write("main/.git/modules/sub/HEAD", "ref: refs/heads/main\n")
        try write("bare.git/worktrees/x/commondir", "../..\n")
        try write("x/.git", "gitdir: ../bare.git/worktrees/x\n")
        let main = scratch.path + "/main"
        let worktree = try #require(GitFolders(containing: scratch.path + "/w/docs"))
        #expect(worktree.top == scratch.path + "/w" && worktree.main == main)
        let own = try #require(GitFolders(containing: main))
        #expect(own.top == main && own.main == main)
        let sub = try #require(GitFolders(containing: main + "/sub"))
        #expect(sub.top == main + "/sub" && sub.main == main + "/sub")
        #expect(GitFolders(containing: scratch.path + "/x")?.main == scratch.path + "/bare.git")
        #expect(GitFolders(containing: "") == nil && GitFolders(containing: "relative") == nil)
    }
}
