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

from earshift import text
from earshift.errors import ConfigError, did_you_mean
from earshift.resources import resource

#: Kind of checksum -> how many hexadecimal digits it has.
CHECKSUMS: Mapping[str, int] = MappingProxyType(
    {"sha256": 64, "md5": 32, "git_sha1": 40}
)

#: Schemes of an address that can be fetched.
SCHEMES = ("http", "https", "file")

#: Where published files are kept, in the folder of datasets.
ARCHIVES = "archives"

_NEEDED = ("address", "licence", "citation")
_KEYS = (*_NEEDED, "size_bytes", "checksums")
_DATASET_KEYS = (*_KEYS, "dataset", "strip")


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
    dataset : str or None
        Which dataset the file is of: its plugin, or its name in the configuration. None
        for weights.
    strip : str or None
        Folder around all that an archive holds, which is left out on unpacking.
    """

    name: str
    address: str
    licence: str
    citation: str
    size_bytes: int | None
    checksums: Mapping[str, str]
    dataset: str | None = None
    strip: str | None = None


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


@cache
def datasets(register: str | None = None) -> Mapping[str, Entry]:
    """Return the register of datasets, ``resources/datasets.yaml``.

    Parameters
    ----------
    register : str, optional
        Path of a register of the user's, whose entries are added; one with the name of
        an entry of ours replaces it.

    Returns
    -------
    mapping of str to Entry
        By the name of the file.

    Raises
    ------
    ConfigError
        If a register cannot be read or breaks the rules; see `read`.
    """
    ours = read(resource("datasets.yaml"), of_datasets=True)
    return MappingProxyType({**ours, **_users(register)})


@cache
def _users(register: str | None) -> Mapping[str, Entry]:
    """Return the entries of the user's register, if there is one."""
    return read(Path(register).expanduser(), of_datasets=True) if register else {}


def archives(dataset: str, register: str | None = None) -> tuple[Entry, ...]:
    """Return the registered files of a dataset.

    Parameters
    ----------
    dataset : str
        What the register calls it: the name of its plugin, for those of ours.
    register : str, optional
        As for `datasets`.

    Returns
    -------
    tuple of Entry
        In the order of the register; empty where it has none.
    """
    return tuple(e for e in datasets(register).values() if e.dataset == dataset)


def dataset_folders(register: str | None = None) -> Mapping[Path, tuple[Entry, ...]]:
    """Return the folders that registered files are unpacked to, and from which files.

    Parameters
    ----------
    register : str, optional
        As for `datasets`.

    Returns
    -------
    mapping of Path to tuple of Entry
        ``<folder of datasets>/<dataset>`` -> its files.
    """
    names = {str(e.dataset): None for e in datasets(register).values()}
    folders = {datasets_folder() / name: archives(name, register) for name in names}
    return MappingProxyType(folders)


def folder_of(name: str, plugin: str, register: str | None = None) -> Path | None:
    """Return where the registered files of a configuration's dataset are unpacked to.

    Parameters
    ----------
    name : str
        Name of the dataset in the configuration. It counts in the user's register only.
    plugin : str
        Its plugin.
    register : str, optional
        As for `datasets`.

    Returns
    -------
    Path or None
        None where there are no registered files.
    """
    named = {entry.dataset for entry in _users(register).values()}
    folder = datasets_folder() / (name if name in named else plugin)
    return folder if folder in dataset_folders(register) else None


def weights_folder() -> Path:
    """Return where weights are kept: $EARSHIFT_WEIGHTS or resources/downloads/weights.

    The second is relative to the working directory.
    """
    return Path(os.environ.get("EARSHIFT_WEIGHTS") or "resources/downloads/weights")


def datasets_folder() -> Path:
    """Return where datasets are kept: $EARSHIFT_DATASETS, or a default as for weights.

    The default is resources/downloads/datasets.
    """
    return Path(os.environ.get("EARSHIFT_DATASETS") or "resources/downloads/datasets")


def holds(path: Path) -> bool:
    """Return whether a path is that of a registered file in the folder of weights."""
    return path.parent == weights_folder() and path.name in weights()


def read(path: Path, *, of_datasets: bool = False) -> Mapping[str, Entry]:
    """Read a register.

    Parameters
    ----------
    path : Path
        A YAML file: name of each file -> address, licence, citation and, where they are
        known, size_bytes and checksums.
    of_datasets : bool, default=False
        Entries also need `dataset`, and may have `strip`.

    Returns
    -------
    mapping of str to Entry
        By the name of the file.

    Raises
    ------
    ConfigError
        If the file cannot be read, for an unknown or missing key, an unknown kind of
        checksum, or a value that cannot be; the message names the entry and the key.
    """
    try:
        content = text.from_yaml(path)
    except ConfigError as error:
        raise ConfigError(f"the register {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: a register maps names of files to facts.")
    needed = (*_NEEDED, "dataset") if of_datasets else _NEEDED
    allowed = _DATASET_KEYS if of_datasets else _KEYS
    entries = {
        str(key): _entry(f"{path.name}: {key}", str(key), facts, needed, allowed)
        for key, facts in content.items()
    }
    return MappingProxyType(entries)


def _entry(
    where: str,
    name: str,
    facts: object,
    needed: tuple[str, ...],
    allowed: tuple[str, ...],
) -> Entry:
    if not isinstance(facts, dict):
        raise ConfigError(f"{where}: needs the keys {', '.join(needed)}.")
    if Path(name).name != name:
        raise ConfigError(f"{where}: the name of a file is needed, not a path.")
    for key in facts:
        if key not in allowed:
            raise ConfigError(
                f"{where}: unknown key '{key}' {did_you_mean(str(key), allowed)}"
            )
    for key in needed:
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
    _check_folder_names(where, facts)
    return Entry(
        name=name,
        address=facts["address"],
        licence=facts["licence"],
        citation=facts["citation"],
        size_bytes=size_bytes,
        checksums=_checksums(where, facts.get("checksums", {})),
        dataset=facts.get("dataset"),
        strip=facts.get("strip"),
    )


def _check_folder_names(where: str, facts: Mapping[str, object]) -> None:
    for key in ("dataset", "strip"):
        folder = facts.get(key, "none")
        plain = isinstance(folder, str) and re.fullmatch(r"[\w-][\w.-]*", folder)
        if not plain or folder == ARCHIVES:
            raise ConfigError(
                f"{where}: '{key}' must be the name of one folder, of letters, digits, "
                f"'.', '_' and '-', and not '{ARCHIVES}', got {folder!r}."
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
