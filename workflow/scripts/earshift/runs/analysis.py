"""An experiment on a table of clips and vectors: no audio, no folders to lay out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from earshift import files, text
from earshift.datasets import LABEL
from earshift.errors import DataError

#: What a table may say of a clip, beside its labels; the first two it must.
ABOUT = ("clip_id", "dataset", "recording", "subgroup", "split")

#: Column that names the class of a clip, where there are no columns ``label:<class>``.
CLASS = "label"

#: Methods of an experiment that says nothing of them.
METHODS = ("none", "mean_projection", "standardise", "adapt")

#: What the experiment calls the vectors.
MODEL = "features"


def derive(table: Path, out: Path, experiment: Path | None = None) -> Path:
    """Write the experiment that analyses a table, and what it reads.

    Parameters
    ----------
    table : Path
        Parquet or CSV file with a row for each clip: `ABOUT`, of which ``recording`` is
        the clip itself where it is missing; `CLASS`, or a column ``label:<class>`` for
        each class (1 present, 0 absent, nothing unknown); all other columns are
        features: numbers, or one column of lists.
    out : Path
        Folder of the results; made if it is not there.
    experiment : Path, optional
        Configuration whose settings are taken, but for `datasets`, `models` and
        `results`. Without, `METHODS` are compared, and all else is as by default.

    Returns
    -------
    Path
        The configuration: ``config.yaml`` in `out`.

    Raises
    ------
    DataError
        If the table cannot be read, or lacks a column or a dataset.
    """
    rows = _read(table)
    inputs = out / "inputs"
    labels = [name for name in rows if name == CLASS or str(name).startswith(LABEL)]
    about = [name for name in rows if name in ABOUT or name in labels]
    features = [name for name in rows if name not in about]
    if not labels:
        raise DataError(
            f"'{table}' needs a column '{CLASS}' with the class of each clip, or a "
            f"column '{LABEL}<class>' for each class; it has "
            f"{', '.join(map(str, rows.columns[:8]))}."
        )
    if not features:
        raise DataError(f"'{table}' has no column of features beside {about}.")
    entries: dict[str, Any] = {}
    vectors: dict[str, str] = {}
    for name, own in rows.groupby("dataset", sort=False):
        folder = inputs / str(name)
        folder.mkdir(parents=True, exist_ok=True)
        clips = own[[c for c in about if c != "dataset"]]
        if "recording" not in clips:
            clips = clips.assign(recording=clips["clip_id"])
        clips = clips.assign(path=clips["clip_id"])
        with files.whole_file(folder / "clips.csv") as file:
            clips.to_csv(file, index=False)
        file_of_vectors = folder / "vectors.parquet"
        with files.whole_file(file_of_vectors) as file:
            own[["clip_id", *features]].to_parquet(file, index=False)
        entries[str(name)] = {
            "plugin": "table",
            "folder": str(folder.resolve()),
            "audio": False,
        }
        vectors[str(name)] = str(file_of_vectors.resolve())
    config = text.from_yaml(experiment) if experiment else {"methods": list(METHODS)}
    assert isinstance(config, dict)
    config |= {
        "datasets": entries,
        "models": {MODEL: {"plugin": "imported", "files": vectors}},
        "results": str(out.resolve()),
    }
    written = out / "config.yaml"
    with files.whole_file(written) as file:
        file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return written


def _read(table: Path) -> pd.DataFrame:
    """Return the rows of a table; what is said of clips is text."""
    if not table.is_file():
        raise DataError(f"there is no table '{table}'.")
    if table.suffix == ".parquet":
        rows = pd.read_parquet(table)
    elif table.suffix == ".csv":
        words = dict.fromkeys([*ABOUT, CLASS], str)
        rows = pd.read_csv(table, dtype=words, keep_default_na=False, na_values=[""])
    else:
        raise DataError(f"'{table}' must be a .parquet or a .csv file.")
    for name in ABOUT[:2]:
        if name not in rows:
            raise DataError(
                f"'{table}' needs a column '{name}'; it has "
                f"{', '.join(map(str, rows.columns[:8]))}. If it is the index, write "
                "that as a column."
            )
        if rows[name].isna().any():
            row = int(rows[name].isna().argmax()) + 1
            raise DataError(f"'{table}' has no '{name}' in row {row}.")
    return rows.astype({name: str for name in ABOUT[:2]})
