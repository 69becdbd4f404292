"""Importing is free: the workflow reads every plugin on a login node."""

import subprocess
import sys

import pytest

from earshift import registry

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
