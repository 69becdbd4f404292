"""Write stores of embeddings or features as files that other programs read.

    python -m earshift.export results/2_embeddings/mini_irmas/mfcc/clean.zarr a.parquet

A shard is in memory at a time, and a file gets its name when it is whole.
"""

from __future__ import annotations

import argparse
import logging
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from earshift import files, jobs, store
from earshift.errors import DataError, EarshiftError
from earshift.store.rows import Rows, find_rows, read_piece

log = logging.getLogger(__name__)


def to_parquet(
    location: store.Location, out: Path, *, strength: float | str | None = None
) -> None:
    """Write one row per frame, or per clip for features.

    Parameters
    ----------
    location : Path or str
        A store of embeddings or features.
    out : Path
        File to write: columns ``clip_id`` (string); for frames ``frame`` (int32, place
        in the clip) and ``time_s`` (float64, null if not known); and ``embedding``, a
        list of fixed size of float32.
    strength : float or str, optional
        Strength of the condition; needed where the store has several of them.

    Raises
    ------
    DataError
        If there is no complete store, or no such strength in it.
    """
    rows = find_rows(location, strength)
    facts = store.attributes(location)
    vector = pyarrow.list_(pyarrow.float32(), rows.n_features)
    fields = [("clip_id", pyarrow.string())]
    if "hop_s" in facts:
        fields += [("frame", pyarrow.int32()), ("time_s", pyarrow.float64())]
    schema = pyarrow.schema([*fields, ("embedding", vector)])
    with (
        files.whole_file(out) as file,
        pyarrow.parquet.ParquetWriter(file, schema) as writer,
    ):
        for clips, frame, values in _blocks(rows, out):
            columns: dict[str, Any] = {"clip_id": rows.clip_ids[clips]}
            if "hop_s" in facts:
                hop_s = facts["hop_s"]
                time = np.full(len(frame), None) if hop_s is None else frame * hop_s
                columns |= {"frame": frame, "time_s": time}
            flat = pyarrow.array(values.reshape(-1))
            columns["embedding"] = pyarrow.FixedSizeListArray.from_arrays(
                flat, rows.n_features
            )
            writer.write_table(pyarrow.table(columns, schema=schema))


def to_npz(
    location: store.Location, out: Path, *, strength: float | str | None = None
) -> None:
    """Write four arrays, as the store has them.

    Parameters
    ----------
    location : Path or str
        A store of embeddings or features.
    out : Path
        File to write: ``clip_id (clip)`` text, ``first_frame (clip)`` and ``n_frames
        (clip)`` int64, ``embedding (frame, feature)`` float32; the frames of a clip
        are rows ``first_frame`` to ``first_frame + n_frames``.
    strength : float or str, optional
        As of `to_parquet`.

    Raises
    ------
    DataError
        As of `to_parquet`.
    """
    rows = find_rows(location, strength)
    small = {
        "clip_id": rows.clip_ids.astype(str),
        "first_frame": rows.starts,
        "n_frames": rows.n,
    }
    head = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
        "fortran_order": False,
        "shape": (int(rows.n.sum()), rows.n_features),
    }
    with files.whole_file(out) as file, zipfile.ZipFile(file, "w") as archive:
        for name, values in small.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, values, allow_pickle=False)
        with archive.open("embedding.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_1_0(stream, head)
            for _, _, values in _blocks(rows, out):
                stream.write(values.tobytes())


def to_h5(
    locations: Mapping[str, store.Location],
    out: Path,
    *,
    strength: float | str | None = None,
) -> None:
    """Write the layout of Wang, Richard and McFee (2023), one row per frame.

    Parameters
    ----------
    locations : mapping of str to Path or str
        Group, ``<dataset>/<embedding>`` -> store of embeddings or features.
    out : Path
        HDF5 file to write: in each group ``features (n_frames, d)`` float32 and ``keys
        (n_frames,)`` bytes, the clip of each row.
    strength : float or str, optional
        As of `to_parquet`, for each of the stores.

    Raises
    ------
    DataError
        As of `to_parquet`.
    """
    with files.whole_file(out) as file, h5py.File(file, "w") as made:
        for name, location in locations.items():
            rows = find_rows(location, strength)
            ids = np.asarray([str(i).encode() for i in rows.clip_ids], np.bytes_)
            n = int(rows.n.sum())
            group = made.create_group(name)
            shape = (n, rows.n_features)
            features = group.create_dataset("features", shape, np.float32)
            keys = group.create_dataset("keys", (n,), ids.dtype)
            at = 0
            for clips, _, values in _blocks(rows, f"{out}, {name}"):
                features[at : at + len(values)] = values
                keys[at : at + len(values)] = ids[clips]
                at += len(values)


def _blocks(
    rows: Rows, name: object
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Yield the clip and place in it of each row, and its values, a shard at a time."""
    array = store.open_rows(rows.location)
    progress = jobs.Progress(f"{name}", int(rows.n.sum()), "rows")
    for piece in rows.pieces():
        clips = np.searchsorted(rows.first, piece.rows, side="right") - 1
        values = read_piece(array, piece).astype(np.float32)
        yield clips, piece.rows - rows.first[clips], values
        progress.step(piece.n)


def _h5(stores: Sequence[str], out: Path, *, strength: str | None) -> None:
    """Write stores under the names that their folders have."""
    names = {"/".join(_location(s).split("/")[-3:-1]): s for s in stores}
    for name, location in names.items():
        if name.count("/") != 1:
            raise DataError(
                f"'{location}' does not say dataset and model: a path such as "
                "results/2_embeddings/mini_irmas/mfcc/clean.zarr is needed."
            )
    if len(names) < len(stores):
        raise DataError("two of the stores are of the same dataset and model.")
    to_h5(names, out, strength=strength)


def _location(given: str) -> str:
    return given.rstrip("/") if "://" in given else Path(given).resolve().as_posix()


#: Format -> what writes one store in it.
FORMATS: Mapping[str, Callable[..., None]] = {
    "parquet": to_parquet,
    "npz": to_npz,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Export the stores that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m earshift.export",
        description="Write stores of embeddings or features as one file.",
    )
    parser.add_argument(
        "store",
        nargs="+",
        help="folder or address; several only for h5, as /<dataset>/<model> each",
    )
    parser.add_argument("out", type=Path, help="file to write")
    parser.add_argument(
        "--format", choices=[*FORMATS, "h5"], help="else, the ending of OUT says it"
    )
    parser.add_argument(
        "--strength", help="of the condition, where a store has several"
    )
    options = parser.parse_args(arguments)
    kind = options.format or options.out.suffix[1:]
    if kind not in (*FORMATS, "h5"):
        parser.error(f"'{options.out}' ends in none of .parquet, .npz, .h5: --format?")
    if kind != "h5" and len(options.store) > 1:
        parser.error(f"{kind} holds one store a file; h5 holds several")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if kind == "h5":
            _h5(options.store, options.out, strength=options.strength)
        else:
            write = FORMATS[kind]
            write(options.store[0], options.out, strength=options.strength)
    except EarshiftError as error:
        log.error("Error: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
