"""Fixtures of the tests of downloads: a web server, and what it publishes."""

import pytest

from earshift import transfer
from tests.server import CONTENT, NAME, Served, an_entry, serving


@pytest.fixture
def server(monkeypatch):
    """A web server with one file; downloads from it are tried again at once."""
    monkeypatch.setattr(transfer, "PAUSES_S", (0.0, 0.0, 0.0))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as server:
        server.files[NAME] = Served(CONTENT)
        yield server


@pytest.fixture
def entry(server):
    return an_entry(server)


@pytest.fixture
def unknown(server):
    """An entry of which no checksum is published."""
    return an_entry(server, checksums={})


@pytest.fixture
def target(tmp_path):
    return tmp_path / "weights" / NAME
