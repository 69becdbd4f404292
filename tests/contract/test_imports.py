"""Importing is free: the workflow reads every plugin on a login node."""

import subprocess
import sys

import pytest

from earshift import registry
from tests.helpers.workflow import environment

HEAVY = ("tensorflow", "keras", "torch", "jax", "librosa", "matplotlib", "distributed")


@pytest.mark.parametrize("kind", registry.KINDS)
def test_plugins_import_no_heavy_framework(kind):
    code = (
        "import sys; from earshift import registry\n"
        f"for name in registry.names({kind!r}): registry.load({kind!r}, name)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


#: What is loaded, in this order, and what must not be loaded after each.
LIGHT = {
    "run": "pandas h5py",
    "earshift.stages.clips.listing": "scipy.fft jsonschema",
    "earshift.stages.embeddings.region_files": "zarr",
    "earshift.stages.report.pilot": "scipy.stats sklearn",
    "earshift.stages.report.terminal": "scipy.stats sklearn",
    "earshift.stages.report.figures.audio": "scipy.stats sklearn zarr",
    "earshift.discrepancy.domain_auc_nonlinear": "sklearn",
}


def test_what_starts_often_loads_nothing_that_it_does_not_use():
    """Each of tens of jobs would wait for it, and so would every run."""
    lines = [
        f"import {name}; print({name!r}, {{*{heavy.split()!r}}} & {{*sys.modules}})"
        for name, heavy in LIGHT.items()
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(["import sys", *lines])],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"{name} set()" for name in LIGHT]


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_plugin_has_a_version(kind):
    for name in registry.names(kind):
        assert isinstance(registry.load(kind, name).version, int), name


@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_what_is_published_says_licence_and_source(kind):
    for name in registry.names(kind):
        plugin = registry.load(kind, name)
        assert plugin.licence, name
        assert isinstance(plugin.citation, str), name
