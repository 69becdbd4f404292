"""Plugins as users add them: those of `tests/plugins`, and files written by a test."""

from tests.helpers.places import ROOT

PLUGINS = ROOT / "tests" / "plugins"


def entry(name, **options):
    """The config entry of a file in `tests/plugins`."""
    return {"plugin": str(PLUGINS / f"{name}.py")} | options


def written(folder, name, text):
    """Write a plugin file; return the config entry of its method."""
    file = folder / f"{name}.py"
    file.write_text(text)
    return {"plugin": str(file)}
