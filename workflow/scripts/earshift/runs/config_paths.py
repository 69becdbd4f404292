"""The paths of a configuration: of the home folder, and without braces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from earshift import datasets, registry
from earshift.errors import ConfigError


def expanded(value: object) -> object:
    """Return a configuration with the home folder for ``~`` where a path begins."""
    if isinstance(value, Mapping):
        return {key: expanded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [expanded(each) for each in value]
    return at_home(value) if isinstance(value, str) else value


def at_home(text: str) -> str:
    """Return a path with the home folder in place of ``~``; other texts as they are."""
    if not re.fullmatch(r"~([^/]*/.*)?", text, re.DOTALL):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError as error:
        raise ConfigError(f"the path '{text}': {error}") from error


def check(config: Mapping[str, Any]) -> None:
    """Refuse results that are a file, and paths with braces."""
    if Path(config["results"]).is_file():
        raise ConfigError(
            f"'results': '{config['results']}' is a file. Name a folder; it is made if "
            "it is not there."
        )
    for where, path in _paths(config):
        if re.search("[{}]", str(path)):
            raise ConfigError(
                f"'{where}': the path '{path}' has a brace in it, and Snakemake takes "
                "'{...}' for a wildcard. Rename the file or folder, or give a link to "
                "it without braces."
            )


def _paths(config: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield what a configuration calls each path of it, and the path."""
    yield "results", config["results"]
    yield "alignment", config["alignment"]
    yield "store: address", config["store"]["address"]
    for key in ("mirror", "register"):
        yield f"downloads: {key}", config["downloads"][key]
    for name, entry in config["datasets"].items():
        folder, options = Path(entry["folder"]), datasets.options(entry)
        plugin = registry.load("datasets", entry["plugin"])
        for path in (folder, *plugin.label_files(folder, **options)):
            yield f"datasets: {name}", path
    for name, entry in config["models"].items():
        for option, value in entry.items():
            values = value.values() if isinstance(value, Mapping) else [value]
            yield from ((f"models: {name}: {option}", each) for each in values)
