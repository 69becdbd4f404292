"""Fixtures of several files: a web server with what it publishes, a small disk."""

import subprocess

import pytest

from earshift.downloads import transfer
from tests.helpers.server import CONTENT, NAME, Served, an_entry, serving


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


@pytest.fixture
def mount(tmp_path):
    """A function that mounts a small disk, or mounts it anew, with some options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def make(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no command 'mount'")
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
        return folder

    yield make
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)
