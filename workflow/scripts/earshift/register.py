"""Registers: what can be fetched, from where, and how each file is recognised."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import yaml

from earshift.errors import ConfigError, did_you_mean

#: Kind of checksum -> how many hexadecimal digits it has.
CHECKSUMS: Mapping[str, int] = MappingProxyType(
    {"sha256": 64, "md5": 32, "git_sha1": 40}
)

#: Schemes of an address that can be fetched.
SCHEMES = ("http", "https", "file")

_NEEDED = ("address", "licence", "citation")
_KEYS = (*_NEEDED, "size_bytes", "checksums")


@dataclass(frozen=True)
class Entry:
    """One file of a register.

    Parameters
    ----------
    name : str
        Name of the file, also under a mirror.
    address : str
        Where its authors publish it.
    licence, citation : str
        Of what the file holds.
    size_bytes : int or None
        Length of the file; None where it is not known.
    checksums : mapping of str to str
        Any of `CHECKSUMS` -> its lower-case hexadecimal digits; ``git_sha1`` is the
        blob id that git gives the file. Empty where none is known.
    """

    name: str
    address: str
    licence: str
    citation: str
    size_bytes: int | None
    checksums: Mapping[str, str]


@cache
def weights() -> Mapping[str, Entry]:
    """Return the register of weights, ``resources/weights.yaml``.

    Returns
    -------
    mapping of str to Entry
        By the name of the file.

    Raises
    ------
    ConfigError
        If the register breaks its own rules; see `read`.
    """
    return read(resource("weights.yaml"))


def resource(name: str) -> Path:
    """Return the path of a file of ``resources/`` that ships with the library."""
    here = Path(__file__)
    checkout = here.parents[3] / "resources"
    return (checkout if checkout.is_dir() else here.parent / "resources") / name


def weights_folder() -> Path:
    """Return where weights are kept: $EARSHIFT_WEIGHTS or resources/downloads/weights.

    The second is relative to the working directory.
    """
    return Path(os.environ.get("EARSHIFT_WEIGHTS") or "resources/downloads/weights")


def holds(path: Path) -> bool:
    """Say whether a path is that of a registered file in the folder of weights."""
    return path.parent == weights_folder() and path.name in weights()


def read(path: Path) -> Mapping[str, Entry]:
    """Read a register.

    Parameters
    ----------
    path : Path
        A YAML file: name of each file -> address, licence, citation and, where they are
        known, size_bytes and checksums.

    Returns
    -------
    mapping of str to Entry
        By the name of the file.

    Raises
    ------
    ConfigError
        For an unknown or missing key, an unknown kind of checksum, or a value that
        cannot be; the message names the entry and the key.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: a register maps names of files to facts.")
    found = {str(k): _entry(f"{path.name}: {k}", str(k), v) for k, v in content.items()}
    return MappingProxyType(found)


def _entry(where: str, name: str, facts: object) -> Entry:
    if not isinstance(facts, dict):
        raise ConfigError(f"{where}: needs the keys {', '.join(_NEEDED)}.")
    if Path(name).name != name:
        raise ConfigError(f"{where}: the name of a file is needed, not a path.")
    for key in facts:
        if key not in _KEYS:
            raise ConfigError(
                f"{where}: unknown key '{key}' {did_you_mean(str(key), _KEYS)}"
            )
    for key in _NEEDED:
        if not isinstance(facts.get(key), str) or not facts[key].strip():
            raise ConfigError(
                f"{where}: '{key}' must be a text, got {facts.get(key)!r}; add it."
            )
    if urlsplit(facts["address"]).scheme not in SCHEMES:
        raise ConfigError(
            f"{where}: 'address' must start with one of {', '.join(SCHEMES)}, got "
            f"'{facts['address']}'."
        )
    size_bytes = facts.get("size_bytes")
    if size_bytes is not None and (type(size_bytes) is not int or size_bytes < 1):
        raise ConfigError(
            f"{where}: 'size_bytes' must be a whole number from 1 on, got "
            f"{size_bytes!r}; leave it out where it is not known."
        )
    return Entry(
        name=name,
        address=facts["address"],
        licence=facts["licence"],
        citation=facts["citation"],
        size_bytes=size_bytes,
        checksums=_checksums(where, facts.get("checksums", {})),
    )


def _checksums(where: str, given: object) -> Mapping[str, str]:
    if not isinstance(given, dict):
        raise ConfigError(
            f"{where}: 'checksums' must map {', '.join(CHECKSUMS)} to digits, got "
            f"{given!r}."
        )
    for kind, digits in given.items():
        if kind not in CHECKSUMS:
            raise ConfigError(
                f"{where}: checksums: unknown kind '{kind}' "
                f"{did_you_mean(str(kind), CHECKSUMS)}"
            )
        n = CHECKSUMS[kind]
        if not isinstance(digits, str) or not re.fullmatch(f"[0-9a-f]{{{n}}}", digits):
            raise ConfigError(
                f"{where}: checksums: '{kind}' must be {n} lower-case hexadecimal "
                f"digits, in quotation marks if they are all decimal, got {digits!r}."
            )
    return MappingProxyType(dict(given))
