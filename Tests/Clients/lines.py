"""JSON-RPC by hand: one message a line to a process and back."""

import json
import re

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "raw lines", "version": "1"},
}


class Lines:
    def __init__(self, process):
        self.process = process
        self.last_id = 0

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message):
        self.write(json.dumps(message).encode() + b"\n")

    def request(self, method, params=None, id=None):
        if id is None:
            self.last_id += 1
            id = self.last_id
        self.send({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}})
        return id

    def modern(self, method, params=None, id=None):
        return self.request(method, {**(params or {}), "_meta": ENVELOPE}, id)

    def read(self):
        line = self.process.stdout.readline()
        assert line, "the server closed its output"
        assert line.endswith(b"\n")
        message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    def ask(self, method, params=None):
        id = self.request(method, params)
        reply = self.read()
        assert reply["id"] == id
        return reply

    def initialize(self):
        reply = self.ask("initialize", INITIALIZE)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return reply["result"]

    def expect_silence(self):
        """Passes when nothing was sent up to now: the next message answers this ping."""
        assert self.ask("ping")["result"] == {}

    def finish(self):
        """Closes the server's input; returns the messages that were left and the exit status."""
        self.process.stdin.close()
        rest = [json.loads(line) for line in self.process.stdout]
        return rest, self.process.wait(timeout=10)


def fault(result):
    """The first fault that the text of a refused call tells: its code, its place and its message."""
    assert result["isError"] and "structuredContent" not in result, result
    text = result["content"][0]["text"]
    code, place, message = re.match(r"(E\d{4}) (?:([\w.\[\]]+): )?(.*)", text, re.DOTALL).groups()
    return {"code": code, "field": place or "", "message": message}


def store(text):
    return {"name": "memory_store", "arguments": {"items": [{"kind": "observation", "content": text}]}}
