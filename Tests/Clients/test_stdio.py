"""Raw lines: what a client that is not well-behaved, or leaves, gets to see."""

import json
import os
import signal
import subprocess
import threading

import pytest

from lines import ENVELOPE, store


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads /proc")


def code(reply):
    return reply["error"]["code"]


def test_stdout_carries_messages_and_nothing_else(server, speak):
    client = speak(server)
    client.initialize()
    id = client.request("tools/call", store("nothing else"))
    assert client.read()["id"] == id
    assert client.finish() == ([], 0)


def test_a_stray_print_lands_on_stderr(demo, speak):
    client = speak(demo, stderr=subprocess.PIPE)
    client.expect_silence()
    assert client.finish() == ([], 0)
    assert b"stray line" in client.process.stderr.read()


@pytest.mark.parametrize(
    "line, expected",
    [
        (b"{", -32700),
        (b"nonsense", -32700),
        (b'"\xff\xfe"', -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b"7", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
    ],
)
def test_a_bad_line_is_answered_without_id_and_the_next_is_served(server, speak, line, expected):
    client = speak(server)
    client.write(line + b"\n")
    reply = client.read()
    assert reply["id"] is None
    assert code(reply) == expected
    client.expect_silence()


def test_an_unknown_method_is_not_found_in_either_era(server, speak):
    client = speak(server)
    assert code(client.ask("no/such/method")) == -32601
    assert code(client.ask("no/such/method", {"_meta": ENVELOPE})) == -32601
    client.initialize()
    assert code(client.ask("no/such/method")) == -32601


def test_a_request_before_initialize_is_an_error_and_ping_is_not(server, speak):
    client = speak(server)
    assert code(client.ask("tools/list")) == -32602
    client.expect_silence()


def test_both_eras_are_served_by_one_process(server, speak):
    client = speak(server)
    assert client.ask("server/discover", {"_meta": ENVELOPE})["result"]["supportedVersions"] == ["2026-07-28"]
    assert client.initialize()["protocolVersion"] == "2025-11-25"
    assert client.ask("tools/list", {"_meta": ENVELOPE})["result"]["resultType"] == "complete"
    assert "resultType" not in client.ask("tools/list")["result"]


def test_notifications_are_never_answered(server, speak):
    client = speak(server)
    for message in (
        {"jsonrpc": "2.0", "method": "no/such/notification"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled"},
        {"jsonrpc": "2.0", "method": "tools/call", "params": [1]},
        {"method": "ping"},
    ):
        client.send(message)
    client.expect_silence()


def test_blank_lines_carriage_returns_and_split_characters_do_not_matter(server, speak):
    client = speak(server)
    line = json.dumps({"jsonrpc": "2.0", "id": "é😀", "method": "ping"}, ensure_ascii=False).encode()
    client.write(b"\n\r\n  \n" + line[:25])
    for byte in line[25:]:
        client.write(bytes([byte]))
    client.write(b"\r\n\n")
    assert client.read() == {"jsonrpc": "2.0", "id": "é😀", "result": {}}


def peak_kilobytes(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def send_64_mebibytes(client):
    client.write(b'{"jsonrpc":"2.0","id":1,"method":"')
    for _ in range(64):
        client.write(b"x" * (1 << 20))
    client.write(b'"}\n')


def test_a_line_of_64_mebibytes_is_refused_and_the_next_is_served(server, speak):
    client = speak(server)
    send_64_mebibytes(client)
    reply = client.read()
    assert reply["id"] is None
    assert code(reply) == -32600
    client.expect_silence()


@needs_proc
def test_a_line_of_64_mebibytes_takes_no_more_memory_than_the_limit_allows(demo, speak):
    client = speak(demo)
    client.expect_silence()
    before = peak_kilobytes(client.process.pid)
    send_64_mebibytes(client)
    assert code(client.read()) == -32600
    # The limit is 16 MiB, and the array that holds a partial line doubles as it grows.
    assert peak_kilobytes(client.process.pid) - before < 56 << 10


@needs_proc
def test_the_standard_streams_lead_nowhere_near_the_protocol(server, speak):
    client = speak(server)
    client.expect_silence()
    links = [os.readlink(f"/proc/{client.process.pid}/fd/{n}") for n in range(3)]
    assert links[0] == "/dev/null"
    assert links[1] == links[2]


def test_what_was_sent_before_the_end_is_answered(server, speak):
    client = speak(server)
    ids = [client.modern("tools/call", store(f"written before the end, number {n}")) for n in range(20)]
    rest, status = client.finish()
    assert sorted(reply["id"] for reply in rest) == ids
    assert all(reply["result"]["isError"] is False for reply in rest)
    assert status == 0


def test_a_last_line_without_its_end_is_served(server, speak):
    client = speak(server)
    client.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode())
    assert client.finish() == ([{"jsonrpc": "2.0", "id": 1, "result": {}}], 0)


def test_work_at_the_end_of_input_is_finished_when_it_is_short(demo, speak):
    client = speak(demo)
    id = client.modern("tools/call", {"name": "demo_wait", "arguments": {"milliseconds": 200}})
    rest, status = client.finish()
    assert [reply["id"] for reply in rest] == [id]
    assert status == 0


def wait_for_ever(client, is_stubborn, calls):
    arguments = {"milliseconds": 600_000, "stubborn": is_stubborn}
    for _ in range(calls):
        client.modern("tools/call", {"name": "demo_wait", "arguments": arguments})
    client.expect_silence()


def test_work_that_outlives_the_grace_does_not_keep_the_process(demo, speak):
    client = speak(demo)
    wait_for_ever(client, is_stubborn=False, calls=1)
    assert client.finish() == ([], 0)


@pytest.mark.parametrize("is_stubborn", [False, True])
@pytest.mark.parametrize("calls", [1, 8])
def test_a_client_that_leaves_and_then_sends_a_signal_is_rid_of_the_process(demo, speak, is_stubborn, calls):
    client = speak(demo)
    wait_for_ever(client, is_stubborn, calls)
    client.process.stdin.close()
    client.process.send_signal(signal.SIGTERM)
    assert client.process.stdout.read() == b""
    assert client.process.wait(timeout=10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_cleanly(server, speak, number):
    client = speak(server)
    client.initialize()
    client.process.send_signal(number)
    assert client.process.wait(timeout=10) == 0
    assert client.process.stdout.read() == b""


def test_a_signal_lets_short_work_finish(demo, speak):
    client = speak(demo)
    id = client.modern("tools/call", {"name": "demo_wait", "arguments": {"milliseconds": 200}})
    client.expect_silence()
    client.process.send_signal(signal.SIGTERM)
    assert client.read()["id"] == id
    assert client.process.wait(timeout=10) == 0


def test_a_second_signal_ends_the_process_at_once(demo, speak):
    client = speak(demo)
    arguments = {"milliseconds": 600_000, "stubborn": True}
    client.modern("tools/call", {"name": "demo_wait", "arguments": arguments})
    client.expect_silence()
    client.process.send_signal(signal.SIGTERM)
    while client.process.poll() is None:
        client.process.send_signal(signal.SIGTERM)
    assert client.process.returncode in (-signal.SIGTERM, 0)


def test_a_cancelled_call_is_never_answered(demo, speak):
    client = speak(demo)
    id = client.modern("tools/call", {"name": "demo_wait", "arguments": {"milliseconds": 600_000}})
    client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})
    client.expect_silence()
    assert client.finish() == ([], 0)


def test_a_client_that_closes_its_reading_end_ends_the_server(server, speak):
    client = speak(server)
    client.expect_silence()
    client.process.stdout.close()
    client.request("ping")
    assert client.process.wait(timeout=10) == 0


def test_a_full_stderr_pipe_holds_nothing_up(server, speak):
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(write_end, True)
    client = speak(server, stderr=write_end)
    client.initialize()
    client.request("tools/call", store("while nobody reads the log"))
    assert client.read()["result"]["isError"] is False
    assert client.finish() == ([], 0)
    os.close(read_end)
    os.close(write_end)


def test_a_client_that_sends_much_before_it_reads_gets_all_its_answers(server, speak):
    client = speak(server)
    count = 20_000
    lines = b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % n for n in range(count))
    writing = threading.Thread(target=client.write, args=(lines,))
    writing.start()
    assert [client.read()["id"] for _ in range(count)] == list(range(count))
    writing.join()


def test_an_empty_session_ends_with_status_0(server, speak):
    assert speak(server).finish() == ([], 0)


def test_twenty_thousand_requests_in_a_file_are_all_answered_after_its_end(server, tmp_path):
    count = 20_000
    requests = tmp_path / "requests"
    requests.write_bytes(b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % n for n in range(count)))
    with open(requests, "rb") as lines:
        done = subprocess.run(server, stdin=lines, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == list(range(count))
