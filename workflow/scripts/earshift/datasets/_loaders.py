"""Datasets that mirdata or soundata loads: its attributes become a clip table.

Neither library is imported before clips are listed, and nothing is ever downloaded.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from earshift.datasets import ClipList, labels_per_clip, need_folder
from earshift.errors import ConfigError, DataError, did_you_mean

_VERSION = 1


@dataclass(frozen=True)
class Source:
    """Where a column of the clip table comes from.

    Parameters
    ----------
    attribute : str
        Of a track or clip; dots lead to attributes of attributes.
    pattern : str, optional
        Regular expression that is searched for in the value; its first group, or all
        of it, is taken.
    values : mapping, default={}
        What is found -> what it is called; the rest keeps its name.
    """

    attribute: str
    pattern: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, option: str, given: object) -> Source:
        """Read an option of the config: an attribute, or a mapping of these fields."""
        facts = {"attribute": given} if isinstance(given, str) else given
        if not (
            isinstance(facts, Mapping)
            and isinstance(facts.get("attribute"), str)
            and isinstance(facts.get("pattern", ""), str)
            and isinstance(facts.get("values", {}), Mapping)
        ):
            raise ConfigError(
                f"'{option}' names an attribute, or is a mapping with 'attribute' and "
                f"perhaps 'pattern' (a text) and 'values' (a mapping); got {given!r}."
            )
        known = ("attribute", "pattern", "values")
        for key in facts:
            if key not in known:
                raise ConfigError(f"'{option}': '{key}' {did_you_mean(key, known)}")
        try:
            re.compile(facts.get("pattern", ""))
        except re.error as error:
            raise ConfigError(f"'{option}': pattern: {error}") from error
        values = {str(k): str(v) for k, v in facts.get("values", {}).items()}
        return cls(facts["attribute"], facts.get("pattern"), values)

    def find(self, item: object) -> list[str]:
        """Return the values of a track or clip; none where it has none.

        Parameters
        ----------
        item : object
            Track or clip.

        Returns
        -------
        list of str
            One per value of a list, one of a text or number.

        Raises
        ------
        ConfigError
            If there is no such attribute.
        """
        value: Any = item
        for part in self.attribute.split("."):
            if value is None:
                return []
            if part not in dir(value):
                raise ConfigError(
                    f"{type(value).__name__} has no attribute '{part}' "
                    f"{did_you_mean(part, _attributes(value))}"
                )
            value = getattr(value, part)
        texts = [_text(v) for v in _each(value)]
        if self.pattern is not None:
            matches = [re.search(self.pattern, text) for text in texts]
            texts = [m[1] if m.re.groups else m[0] for m in matches if m]
        return [self.values.get(text, text) for text in texts]

    def find_one(self, item: object) -> str | None:
        """Return the one value of a track or clip, or None."""
        values = self.find(item)
        if len(values) > 1:
            raise ConfigError(
                f"'{self.attribute}' has {len(values)} values for one clip "
                f"({', '.join(values[:3])}); only 'label' may have several."
            )
        return values[0] if values else None


def _attributes(item: object) -> list[str]:
    """Return the public attributes that are no methods."""
    names = [name for name in dir(item) if not name.startswith("_")]
    return [n for n in names if not callable(getattr(type(item), n, None))]


def _each(value: object) -> list[object]:
    """Return the values of a list, or the one value, without what is None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    values = list(value) if isinstance(value, list | tuple | set) else [value]
    return [v for v in values if v is not None]


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def plugin(library: str, unit: str, name: str) -> ModuleType:
    """Return the dataset plugin of a loader.

    Parameters
    ----------
    library : {"mirdata", "soundata"}
        Package that has the loader.
    unit : {"track", "clip"}
        What its items are called.
    name : str
        Name of the loader.

    Returns
    -------
    module
        With all that a dataset plugin needs.

    Raises
    ------
    ConfigError
        If the library is not installed or has no such loader.
    """
    spec = importlib.util.find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"'{library}:{name}' needs the package {library}, which is not installed: "
            "pip install 'earshift[datasets]'."
        )
    folder = Path(spec.submodule_search_locations[0]) / "datasets"
    known = {f.stem for f in folder.glob("*.py") if not f.stem.startswith("_")}
    if name not in known:
        raise ConfigError(
            f"{library} has no dataset '{name}' {did_you_mean(name, known)}"
        )
    constants = _constants(folder / f"{name}.py")
    module = ModuleType(f"{__name__}.{library}.{name}", f"{name}, read by {library}.")
    module.__dict__.update(
        version=_VERSION,
        licence=constants.get("LICENSE_INFO", f"as {library} says"),
        citation=constants.get("BIBTEX", "").strip(),
        label_files=_label_files,
        list_clips=functools.partial(_list_clips, library, unit, name),
    )
    return module


def _constants(file: Path) -> dict[str, str]:
    """Return the texts that a loader's file assigns, without running it."""
    constants = {}
    with _old_escapes():
        tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                constants[node.targets[0].id] = value.value
    return constants


@contextmanager
def _old_escapes() -> Iterator[None]:
    """Do not warn of backslashes in the citations of some loaders."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*invalid escape sequence")
        yield


def _label_files(folder: Path, *, index: str | None = None, **_: object) -> list[Path]:
    """Return the index, where the config gives it."""
    del folder
    return [Path(index)] if index else []


def _list_clips(
    library: str,
    unit: str,
    name: str,
    folder: Path,
    *,
    label: str | Mapping[str, Any],
    recording: str | Mapping[str, Any],
    path: str | Mapping[str, Any] = "audio_path",
    subgroup: str | Mapping[str, Any] | None = None,
    split: str | Mapping[str, Any] | None = None,
    version: str = "default",
    index: str | None = None,
) -> ClipList:
    """List the clips of a loader's index.

    Parameters
    ----------
    library, unit, name : str
        As for `plugin`.
    folder : Path
        The loader's ``data_home``.
    label, recording, path, subgroup, split : str or mapping
        Which attribute is what, as `Source` describes. `label` may have several values,
        which are all present; other classes are absent.
    version : str, default="default"
        Which of the loader's versions.
    index : str, optional
        Path of the loader's index; by default where the library keeps it.

    Returns
    -------
    ClipList
        Clips without audio, label or recording, and those whose attributes cannot be
        read, are skipped with the reason.

    Raises
    ------
    ConfigError
        For an attribute or version that the loader does not have.
    DataError
        If the folder or the index is missing, or no clip can be used.
    """
    need_folder(folder, f"'{name}', as {library} expects it,")
    given = {
        "path": path,
        "recording": recording,
        "subgroup": subgroup,
        "split": split,
    }
    sources = {k: Source.read(k, v) for k, v in given.items() if v is not None}
    label_source = Source.read("label", label)
    dataset = _open(library, name, folder, version, index)
    rows, labels, skipped = [], [], {}
    for clip_id in _ids(dataset, unit):
        try:
            item = getattr(dataset, unit)(clip_id)
            row = {k: source.find_one(item) for k, source in sources.items()}
            clip_labels = label_source.find(item)
        except ConfigError:
            raise
        except Exception as error:
            # Whatever a loader stumbles over is one bad clip.
            skipped[clip_id] = f"{library} cannot read it: {error}"
            continue
        missing = [k for k in ("path", "recording") if row[k] is None]
        if missing or not clip_labels:
            what = missing[0] if missing else "label"
            attribute = sources[what].attribute if missing else label_source.attribute
            skipped[clip_id] = f"it has no {what}: '{attribute}' says nothing"
            continue
        rows.append(
            {
                "clip_id": clip_id,
                "path": os.path.relpath(str(row["path"]), folder),
                "recording": row["recording"],
                "subgroup": row.get("subgroup"),
                "split": row.get("split"),
            }
        )
        labels.append(clip_labels)
    if not rows:
        first = next(iter(skipped.items()), ("", "the index is empty"))
        raise DataError(
            f"{library}:{name}: none of {len(skipped)} {unit}s can be used; the first, "
            f"'{first[0]}': {first[1]}."
        )
    named = {
        *label_source.values.values(),
        *(c for clip_labels in labels for c in clip_labels),
    }
    return ClipList(labels_per_clip(pd.DataFrame(rows), labels, named), skipped)


def _ids(dataset: Any, unit: str) -> list[str]:  # noqa: ANN401
    """Return the ids of a loader's index, which it reads when first asked for them."""
    try:
        ids: list[str] = getattr(dataset, f"{unit}_ids")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(
            f"'{dataset.index_path}' is no index of {dataset.name} "
            f"({type(error).__name__}: {error}). Get it anew."
        ) from error
    return ids


def _open(
    library: str, name: str, folder: Path, version: str, index: str | None
) -> object:
    """Return the loader's dataset, whose index is at hand."""
    try:
        with _old_escapes():
            module = importlib.import_module(f"{library}.datasets.{name}")
        dataset: Any = module.Dataset(data_home=str(folder), version=str(version))
    except ImportError as error:
        raise ConfigError(
            f"'{library}:{name}' needs another package ({error}); {library} says which."
        ) from error
    except ValueError as error:
        raise ConfigError(f"'{library}:{name}', 'version': {error}") from error
    if index:
        dataset.index_path = index
    if not Path(dataset.index_path).is_file():
        raise DataError(
            f"'{library}:{name}' needs the index '{dataset.index_path}', which is not "
            f"there. Where there is a network, get it by\n"
            f"  python -c \"import {library}; {library}.initialize('{name}', "
            f"version='{version}').download(['index'])\"\n"
            "or copy it from elsewhere and give its path as 'index' in the config."
        )
    return dataset
