"""The ISMIR 2023 study on published embeddings: its configuration, for one folder.

The folder is in the layout of the study's own code: ``embeddings.h5`` with
``/<dataset>/<embedding>/{features,keys}``, and the labels in ``data/``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, cast

import h5py
import yaml

from earshift import files, text
from earshift.errors import ConfigError, DataError, did_you_mean

log = logging.getLogger(__name__)

EMBEDDINGS = "embeddings.h5"

#: Dataset of the study -> its files in the folder; the first says where it is.
FILES = {
    "irmas": ("data/irmas/irmas_train.csv", "data/irmas/irmas_test.csv"),
    "openmic": (
        "data/openmic-2018/openmic-2018.npz",
        "data/openmic-2018/openmic-2018-metadata.csv",
        "data/openmic-2018/class-map.json",
        "data/openmic-2018/openmic2018_train.csv",
        "data/openmic-2018/openmic2018_test.csv",
    ),
}


def derive(experiment: Path, inputs: Path, models: Sequence[str], out: Path) -> Path:
    """Write the configuration that runs the study on a folder of embeddings.

    Parameters
    ----------
    experiment : Path
        Configuration of the study with audio. Its `datasets`, `models` and `results`
        are replaced, the rest stays.
    inputs : Path
        The folder.
    models : sequence of str
        Embeddings to take; if empty, all that the file has for both datasets.
    out : Path
        Folder of the results; made if it is not there.

    Returns
    -------
    Path
        The configuration: ``config.yaml`` in `out`.

    Raises
    ------
    DataError
        If the folder or one of its files is missing, or it has no embeddings.
    ConfigError
        If it has none of a model that was asked for.
    """
    if not inputs.is_dir():
        raise DataError(
            f"the folder '{inputs}' does not exist; the inputs of the study are "
            f"expected there: {EMBEDDINGS} and data/ (docs/study.md)."
        )
    for name in (EMBEDDINGS, *chain(*FILES.values())):
        if not (inputs / name).is_file():
            raise DataError(
                f"there is no file '{inputs / name}', which the study needs "
                "(docs/study.md lists all of them)."
            )
    config = cast("dict[str, Any]", text.from_yaml(experiment))
    file = inputs / EMBEDDINGS
    config["results"] = str(out)
    config["datasets"] = {
        name: {"audio": False, "folder": str((inputs / names[0]).parent)}
        for name, names in FILES.items()
    }
    config.setdefault("study", "ismir2023")  # files from before there was this key
    config["models"] = {
        name: {"plugin": "imported", "file": str(file)}
        for name in _choose(file, models)
    }
    out.mkdir(parents=True, exist_ok=True)
    words = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    with files.whole_file(out / "config.yaml") as target:
        target.write_text(
            f"# {experiment.name} on '{inputs}', made anew by each run\n{words}"
        )
    return out / "config.yaml"


def _choose(file: Path, asked: Sequence[str]) -> list[str]:
    """Return the embeddings to take, all of which both datasets have."""
    names = {name: _embeddings(file, name) for name in FILES}
    known = [n for n in names["irmas"] if n in names["openmic"]]
    for name in asked:
        if name not in known:
            raise ConfigError(
                f"'{file}' has no embedding '{name}' of both {' and '.join(FILES)} "
                f"{did_you_mean(name, known)}"
            )
    if not known:
        raise DataError(
            f"'{file}' has no embedding of both {' and '.join(FILES)}: "
            + "; ".join(f"{d} has {', '.join(n) or 'none'}" for d, n in names.items())
        )
    if not asked and (odd := set().union(*names.values()) - set(known)):
        log.warning("%s: only one dataset has %s; left out", file, ", ".join(odd))
    return list(dict.fromkeys(asked)) or known


def _embeddings(file: Path, dataset: str) -> list[str]:
    try:
        with h5py.File(file) as h5:
            return list(h5[dataset]) if dataset in h5 else []
    except OSError as error:
        raise DataError(f"'{file}' cannot be read: {error}") from error
