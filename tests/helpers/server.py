"""A web server that misbehaves as it is told, for tests of downloads."""

import http.server
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import unquote

import numpy as np

from earshift.downloads.catalogue import Entry

NAME = "net.h5.gz"
CONTENT = b"\x1f\x8b" + np.random.default_rng(0).bytes(700_000)
OTHER = b"\x1f\x8b" + np.random.default_rng(1).bytes(700_000)
HALF = 300_000


@dataclass
class Served:
    """A file, and what becomes of the requests for it; lists hold one item for each."""

    content: bytes
    etag: str | None = '"1"'
    last_modified: str | None = None
    says_length: bool = True
    knows_ranges: bool = True
    minds_if_range: bool = True
    statuses: list[int] = field(default_factory=list)  # answers before the file
    cuts: list[int] = field(default_factory=list)  # connections end after so many bytes
    holds: list[int] = field(default_factory=list)  # or wait there, until let go
    moved_to: str | None = None


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by path.

    `requests` lists (path, Range header) in order, and `answers` their statuses.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.requests, self.answers = {}, [], []
        self.let_go = threading.Event()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def ranges(self):
        return [span for _, span in self.requests]


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        span = self.headers["Range"]
        self.server.requests.append((self.path, span))
        file = self.server.files.get(unquote(self.path).lstrip("/"))
        if file is None:
            return self.send_error(404)
        if file.statuses:
            return self.send_error(file.statuses.pop(0))
        if file.moved_to:
            self.send_response(302)
            self.send_header("Location", file.moved_to)
            return self.end_headers()
        known = self.headers["If-Range"] or "W/"
        same = known in (file.etag, file.last_modified) and not known.startswith("W/")
        if not (span and file.knows_ranges and (same or not file.minds_if_range)):
            return self.send_file(file, 0)
        start = int(span.removeprefix("bytes=").removesuffix("-"))
        if start >= len(file.content):
            return self.send_error(416)
        return self.send_file(file, start)

    def send_file(self, file, start):
        body, size = file.content[start:], len(file.content)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if file.says_length:
            self.send_header("Content-Length", str(len(body)))
        for name, value in (
            ("ETag", file.etag),
            ("Last-Modified", file.last_modified),
        ):
            if value:
                self.send_header(name, value)
        self.end_headers()
        if file.holds:
            held = file.holds.pop(0)
            self.wfile.write(body[:held])
            self.server.let_go.wait(20)
            body = body[held:]
        if file.cuts:
            body = body[: file.cuts.pop(0)]
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client is gone

    def log_request(self, code="-", *_):
        self.server.answers.append(int(code))

    def log_message(self, *arguments):
        pass


@contextmanager
def serving():
    """Run a server in a thread."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.let_go.set()
            server.shutdown()
            thread.join()


def an_entry(server, name=NAME, **changes):
    """What a register says of a file of the server."""
    facts = {
        "name": name,
        "address": f"{server.address}/{name}",
        "licence": "CC0",
        "citation": "Nobody (2026)",
        "size_bytes": None,
        "checksums": {"sha256": sha256(server.files[name].content).hexdigest()},
    }
    return Entry(**facts | changes)


def left(target):
    """Names in the target's folder, without locks."""
    names = {file.name for file in target.parent.iterdir()}
    return {name for name in names if not name.endswith(".lock")}
