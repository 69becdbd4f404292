"""Embeddings that were made elsewhere, read from a file: no audio is needed.

The file is in the layout of Wang, Richard and McFee (2023), or a table of clips and
vectors; `earshift.stages.embeddings.vector_files` says what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earshift.errors import ConfigError, did_you_mean
from earshift.models._model import Network

env = "analysis"
version = 2
licence = "that of the imported embeddings"
citation = ""

#: Endings of files that can be read.
ENDINGS = (".h5", ".hdf5", ".parquet", ".csv", ".npz")


@dataclass(frozen=True)
class ImportedSpec:
    """Where the embeddings are.

    Parameters
    ----------
    file : Path or None
        The one file of all datasets.
    files : mapping of str to Path
        Or the file of each dataset, by the name of the dataset or of its plugin.
    name : str or None
        What the study's layout calls the embedding; None for the name of the model.
    columns : tuple of str
        Which columns of a table are features: names or patterns; all that can be, if
        none are given.
    """

    file: Path | None
    files: Mapping[str, Path]
    name: str | None
    columns: tuple[str, ...] = ()

    def file_of(self, dataset: str, plugin: str) -> Path:
        """Return the file that holds the vectors of a dataset.

        Raises
        ------
        ConfigError
            If there is none.
        """
        for key in (dataset, plugin):
            file = self.file or self.files.get(key)
            if file is not None:
                return file
        raise ConfigError(
            f"'files' names no file for the dataset '{dataset}' "
            f"{did_you_mean(dataset, self.files)}"
        )


def spec(
    *,
    file: str | None = None,
    files: Mapping[str, str] | None = None,
    name: str | None = None,
    columns: str | Sequence[str] = (),
) -> ImportedSpec:
    """Say where the embeddings are.

    Parameters
    ----------
    file : str, optional
        Path of the one file of all datasets.
    files : mapping of str to str, optional
        Or the path of each dataset's file.
    name : str, optional
        What a file in the study's layout calls the embedding; by default the name of
        the model.
    columns : str or list of str, default=()
        Which columns of a CSV or Parquet file are features: names, or patterns such as
        ``"f[0-9]*"``. Needed where a file has others than ``clip_id`` and features.

    Returns
    -------
    ImportedSpec
        The same, checked.

    Raises
    ------
    ConfigError
        If not exactly one of `file` and `files` is given, or a file does not exist or
        has no ending of `ENDINGS`, or `columns` is no text.
    """
    if bool(file) == bool(files) or not isinstance(files or {}, Mapping):
        raise ConfigError(
            "an imported model needs 'file: <path>', or 'files: {<dataset>: <path>}' "
            "with the path of each dataset's file."
        )
    paths = {key: Path(path).expanduser() for key, path in (files or {}).items()}
    one = Path(file).expanduser() if file else None
    for path in [one] if one else paths.values():
        if path.suffix.lower() not in ENDINGS:
            raise ConfigError(f"'{path}' must end in one of {', '.join(ENDINGS)}.")
        if not path.is_file():
            raise ConfigError(f"there is no file '{path}' to import from.")
    chosen = [columns] if isinstance(columns, str) else columns
    if not isinstance(chosen, Sequence) or not all(isinstance(c, str) for c in chosen):
        raise ConfigError(
            f"'columns' is a pattern such as 'f[0-9]*', or a list of names, got "
            f"{columns!r}."
        )
    return ImportedSpec(one, paths, name, tuple(chosen))


def network(spec: ImportedSpec) -> Network:
    """Raise `ConfigError`: there is no network here."""
    del spec
    raise ConfigError("embeddings that were imported cannot embed audio.")
