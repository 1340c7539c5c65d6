"""Connections to several processes on one directory, for tests that time every call."""

import contextlib
import http.client
import json
import time
import urllib.parse

from served import serving


class Wire:
    """One kept connection, for one thread."""

    def __init__(self, url):
        place = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(place.hostname, place.port, timeout=120)

    def call(self, method, path, body=None):
        """Status, body, and the two times around the call."""
        data = None if body is None else json.dumps(body).encode()
        began = time.monotonic()
        self.connection.request(method, path, data, {"content-type": "application/json"})
        answer = self.connection.getresponse()
        content = answer.read()
        return answer.status, content, began, time.monotonic()


def parsed(status, content):
    """The `result` of a call that went well, else what its error says."""
    try:
        value = json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
    return value["result"] if status == 200 else value.get("status", value)


class Difference(AssertionError):
    """An answer that is not what the model allows."""


@contextlib.contextmanager
def processes(binary, directory, count):
    """So many processes on one directory; answers their addresses."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(serving(binary, directory)) for _ in range(count)]


def show(value, most=2000):
    """A value for people, in ASCII, so that composed and decomposed letters look different."""
    text = json.dumps(value, default=str)
    return text if len(text) <= most else text[:most] + " …"
