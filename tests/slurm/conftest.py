"""A cluster for the tests of one file."""

import tempfile
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, missing


def _up(accounting):
    lacking = missing(accounting)
    if lacking:
        pytest.skip(f"SLURM is not installed: {', '.join(lacking)}")
    # A short path: that of a socket must not be longer than 107 characters.
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:
        cluster = Cluster(Path(folder), accounting)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="module")
def slurm():
    """A controller and two nodes with four CPUs and a GPU each; no accounting."""
    yield from _up(accounting=False)


@pytest.fixture(scope="module")
def accounted():
    """The same with slurmdbd, where only the account 'lab' may submit jobs."""
    yield from _up(accounting=True)
