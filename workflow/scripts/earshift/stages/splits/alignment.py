"""Stage 4, splits: align the labels of datasets, by a file, to shared classes.

```yaml
classes:
  guitar:
    irmas: [acoustic_guitar, electric_guitar]  # present where either is present
    openmic: guitar
    theirs:
      present: [guitar]
      unknown: [strings]  # neither present nor absent where this one is
      absent: [piano, drums]  # absent only where one of these is present
```

A dataset is named by its name in the experiment, or by its plugin. A dataset that the
file does not name at all keeps its own labels; one that it names has the classes listed
for it, and no others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from earshift import datasets, files, resources, text
from earshift.errors import ConfigError, DataError, did_you_mean
from earshift.evaluation.protocol import Protocol
from earshift.names import alike, clean
from earshift.stages.clips import listing
from earshift.stages.splits import selection

log = logging.getLogger(__name__)

_RULES = ("present", "unknown", "absent")

#: Prefix of the columns of labels that no rule names, in place of `datasets.LABEL`.
UNUSED = "unused:"


@dataclass(frozen=True)
class Rule:
    """How a shared class follows from the labels of one dataset.

    Parameters
    ----------
    present : tuple of str
        The class is present where any of these is.
    unknown : tuple of str
        Otherwise it is unknown where any of these is present.
    absent : tuple of str or None
        Otherwise it is absent where any of these is present, and unknown elsewhere.
        None: it is absent where all of `present` are, and unknown where one is unknown.
    """

    present: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    absent: tuple[str, ...] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that the rule names."""
        return (*self.present, *self.unknown, *(self.absent or ()))

    def __str__(self) -> str:
        """Return the rule in words."""
        words = " or ".join(self.present)
        if self.unknown:
            words += f"; unknown if {' or '.join(self.unknown)}"
        if self.absent is not None:
            words += f"; absent only if {' or '.join(self.absent) or 'never'}"
        return words


#: Shared class -> dataset or plugin -> rule.
Alignment = Mapping[str, Mapping[str, Rule]]


def location(name: str) -> Path:
    """Return the file of an alignment: one that ships, by name, or a path to a YAML.

    Parameters
    ----------
    name : str
        Such as ``instruments``, or a path that ends in ``.yaml``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        If there is none.
    """
    return resources.locate(
        name, "alignments", what="alignment", a_file="alignment file"
    )


def read(path: Path) -> Alignment:
    """Read an alignment file.

    Parameters
    ----------
    path : Path
        YAML, as the module's docstring shows.

    Returns
    -------
    mapping
        Shared class -> dataset or plugin -> `Rule`.

    Raises
    ------
    ConfigError
        If the file is no such mapping, two classes are alike, or a rule names a label
        twice.
    """
    content = text.from_yaml(path)
    if (
        not isinstance(content, dict)
        or set(content) != {"classes"}
        or not isinstance(content["classes"], dict)
        or not content["classes"]
    ):
        raise ConfigError(
            f"{path}: an alignment has one key, 'classes', that maps each shared class "
            "to the labels of each dataset."
        )
    if pair := alike(str(name) for name in content["classes"]):
        raise ConfigError(
            f"{path}: '{pair[0]}' and '{pair[1]}' differ only by case, white space or "
            "the form of characters; keep one."
        )
    out: dict[str, dict[str, Rule]] = {}
    for name, entries in content["classes"].items():
        if not isinstance(entries, dict) or not entries:
            raise ConfigError(f"{path}: {name}: must map datasets to labels.")
        out[clean(str(name))] = {
            str(dataset): _rule(f"{path}: {name}: {dataset}", given)
            for dataset, given in entries.items()
        }
    return out


def _rule(where: str, given: object) -> Rule:
    if not isinstance(given, dict):
        given = {"present": given}
    for key in given:
        if key not in _RULES:
            raise ConfigError(
                f"{where}: unknown key '{key}' {did_you_mean(str(key), _RULES)}"
            )
    lists = {key: _labels(f"{where}: {key}", value) for key, value in given.items()}
    if not lists.get("present"):
        raise ConfigError(f"{where}: needs 'present', one label or a list of them.")
    rule = Rule(**lists)
    for label in rule.labels:
        if rule.labels.count(label) > 1:
            raise ConfigError(f"{where}: '{label}' is listed twice; keep one.")
    return rule


def _labels(where: str, given: object) -> tuple[str, ...]:
    """Return one label or a list of them as a tuple."""
    listed = given if isinstance(given, list) else [given]
    if not all(isinstance(x, str | int) and not isinstance(x, bool) for x in listed):
        raise ConfigError(f"{where}: must be a label or a list of them, got {given!r}.")
    return tuple(clean(str(label)) for label in listed)


def check_names(alignment: Alignment, names: Iterable[str], path: Path) -> None:
    """Refuse an alignment that names a dataset that cannot be.

    Parameters
    ----------
    alignment : mapping
        As `read` returns it.
    names : iterable of str
        Datasets of the experiment, and all plugins.
    path : Path
        Its file, for the message.

    Raises
    ------
    ConfigError
        A misspelt dataset would otherwise keep its own labels in silence.
    """
    known = set(names)
    for c, rules in alignment.items():
        for dataset in rules:
            if dataset not in known:
                raise ConfigError(
                    f"{path}: {c}: '{dataset}' is no dataset of the experiment, and no "
                    f"plugin {did_you_mean(dataset, known)}"
                )


def rules_of(alignment: Alignment, name: str, plugin: str) -> Mapping[str, Rule] | None:
    """Return the rule of each shared class that a dataset has, or None if not named.

    Parameters
    ----------
    alignment : mapping
        As `read` returns it.
    name, plugin : str
        Name of the dataset in the experiment, which goes first, and its plugin.

    Returns
    -------
    mapping or None
        Shared class -> rule.
    """
    for key in (name, plugin):
        rules = {c: rules[key] for c, rules in alignment.items() if key in rules}
        if rules:
            return rules
    return None


def align_labels(
    name: str,
    plugin: str,
    table: Path,
    *,
    alignment: Path | None,
    subgroups: Sequence[str],
    used_by: Sequence[Protocol],
    official: bool,
    out: Path,
) -> None:
    """Write the labels that later stages use: of usable clips, for shared classes.

    Parameters
    ----------
    name, plugin : str
        Name of the dataset in the experiment, and its plugin.
    table : Path
        Its clip table.
    alignment : Path or None
        The alignment file; None leaves the dataset's own labels.
    subgroups : sequence of str
        Subgroups to keep; if empty, all clips are kept.
    used_by : sequence of Protocol
        Protocols of the experiment: a clip stays if one of them uses it.
    official : bool
        Leave out clips that the dataset's authors put on no side of their split.
    out : Path
        Parquet file to write: columns clip_id, recording, subgroup, split, those of
        `datasets.other_subgroups`, ``label:<class>`` per class, and
        ``unused:<label>`` per label of the dataset that the alignment does not name.

    Raises
    ------
    DataError
        If the alignment names a label that the dataset does not have, or no clip is of
        the subgroups.
    """
    rows = listing.usable(table)
    n_usable = len(rows)
    found = read(alignment) if alignment else None
    rules = None if found is None else rules_of(found, name, plugin)
    rows = in_use(
        rows, rules, name, subgroups=subgroups, used_by=used_by, official=official
    )
    log.info("%s: %d of %d usable clips are in use", name, len(rows), n_usable)
    with files.whole_file(out) as file:
        rows.to_parquet(file, index=False)


def in_use(
    rows: pd.DataFrame,
    rules: Mapping[str, Rule] | None,
    name: str,
    *,
    subgroups: Sequence[str],
    used_by: Sequence[Protocol],
    official: bool,
) -> pd.DataFrame:
    """Return the clips of a dataset that an experiment uses, with the shared classes.

    Parameters
    ----------
    rows : DataFrame
        Clips, as an adapter lists them.
    rules : mapping or None
        Shared class -> rule; None leaves the dataset's own labels.
    name, subgroups, used_by, official
        As for `align_labels`.

    Returns
    -------
    DataFrame
        What `align_labels` writes.

    Raises
    ------
    DataError
        As `align_labels`.
    """
    if official and rows["split"].notna().any():
        rows = rows[rows["split"].notna()]
    known = rows["subgroup"].dropna().unique()
    rows = rows[selection.in_use(rows, used_by, subgroups)]
    if rows.empty:
        raise DataError(
            f"dataset '{name}' has no clip of the subgroups "
            f"{', '.join(subgroups)} (its own: {', '.join(known) or 'none'}). "
            "Change 'subgroups' in the config."
        )
    rows = rows.reset_index(drop=True)
    others = datasets.other_subgroups(rows)
    columns = ["clip_id", "recording", "subgroup", *others, "split"]
    columns += [datasets.LABEL + c for c in datasets.classes(rows)]
    rows = rows[[c for c in columns if c in rows]]
    return rows if rules is None else align(rows, rules, name)


def align(table: pd.DataFrame, rules: Mapping[str, Rule], name: str) -> pd.DataFrame:
    """Return a clip table with the shared classes in place of its own labels.

    Parameters
    ----------
    table : DataFrame
        One row per clip, with nullable boolean columns ``label:<label>``.
    rules : mapping
        Shared class -> rule.
    name : str
        Name of the dataset, for messages.

    Returns
    -------
    DataFrame
        The same rows; columns ``label:<class>`` of the classes of `rules` alone, and
        ``unused:<label>`` of the labels that no rule names.

    Raises
    ------
    DataError
        If a rule names a label that the dataset does not have.
    """
    known = datasets.classes(table)
    for c, rule in rules.items():
        for label in rule.labels:
            if label not in known:
                raise DataError(
                    f"the alignment's class '{c}' names the label '{label}' of dataset "
                    f"'{name}', which has no such label {did_you_mean(label, known)}"
                )
    named = {label for rule in rules.values() for label in rule.labels}
    unused = {UNUSED + c: table[datasets.LABEL + c] for c in known if c not in named}
    aligned = {datasets.LABEL + c: _aligned(table, rule) for c, rule in rules.items()}
    table = table.drop(columns=[datasets.LABEL + c for c in known])
    return table.assign(**unused, **aligned)


def _aligned(table: pd.DataFrame, rule: Rule) -> pd.Series[bool]:
    """Return the column of one shared class."""
    present = _any(table, rule.present)
    if rule.absent is not None:
        is_absent = _any(table, rule.absent).fillna(False)
        present = present.mask(~present.fillna(False) & ~is_absent, pd.NA)
        present = present.mask(present.isna() & is_absent, False)
    doubtful = _any(table, rule.unknown).fillna(False) & ~present.fillna(False)
    return present.mask(doubtful, pd.NA)


def _any(table: pd.DataFrame, labels: tuple[str, ...]) -> pd.Series[bool]:
    """Say where any of some labels is present; unknown if only unknown are left."""
    found = pd.Series(data=False, index=table.index, dtype="boolean")
    for label in labels:
        found |= table[datasets.LABEL + label].astype("boolean")
    return found
