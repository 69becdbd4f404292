"""Fixtures that several folders of tests use."""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers.tones import write_table_dataset
from tests.helpers.workflow import run, write_experiment


def pytest_configure():
    """End with what started the tests: make, or the process that shares them out.

    Either may be killed; what goes on without it would disturb whatever comes next.
    """
    shared = "PYTEST_XDIST_WORKER" in os.environ
    if sys.platform == "linux" and (shared or "MAKELEVEL" in os.environ):
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def pytest_collection_modifyitems(items):
    """Begin with the slow files where several processes share the work."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("workflow") is None)


@pytest.fixture
def two_domains():
    """Two datasets of 100 clips in 6 features, shifted along a random direction."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 6)) * [1, 2, 1, 0.5, 1, 3]
    domain = np.repeat(["a", "b"], 100)
    X[domain == "b"] += 3 * rng.standard_normal(6)
    return X, domain


@pytest.fixture
def table_dataset(tmp_path):
    return write_table_dataset(tmp_path / "data")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A small experiment that ran undisturbed: once, for all processes of the tests.

    It is to be looked at; who runs something in it, takes a copy.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, said = shared / "finished", shared / "finished.json"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            done = run(write_experiment(folder))
            said.write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
    done = subprocess.CompletedProcess("run.py", *json.loads(said.read_text()))
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


@pytest.fixture(scope="session")
def s3_server():
    """The address of a bucket on a server of this machine that speaks S3."""
    pytest.importorskip("s3fs", reason="the extra 'remote' is not installed")
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    service = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    host, port = service.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", host)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import s3fs

        s3fs.S3FileSystem().mkdir("bucket")
        yield "s3://bucket"
    service.stop()
