"""Stage 2, embeddings: look whether a store is whole, and mark what is to be redone.

An audit reads every shard of a store, and embeds some of its clips again. It changes
nothing; its table says what it looked at. A repair does what such a table asks for: it
marks the damaged regions as not done, so that the next run embeds these and no others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import layout, models, store
from earshift.errors import DataError
from earshift.stages.embeddings import (
    extraction,
    owners,
    region_files,
    regions,
    strengths,
)
from earshift.tables import STORE_AUDIT

log = logging.getLogger(__name__)

#: Largest difference of a clip that is embedded again, relative to its largest value,
#: by what limits it: the store's type, or the one that the network computes in.
#: Another batch or machine changes the last digits of float32; float16 has three.
TOLERANCE = {"float32": 1e-4, "float16": 2e-3, "bfloat16": 5e-2}


class Finding(NamedTuple):
    """One row of an audit's table.

    Attributes
    ----------
    region : str
        Name of the region, or nothing.
    check : str
        ``"store"``, ``"region"``, ``"shard"``, ``"rows"``, ``"sample"``, ``"index"`` or
        ``"leftover"``.
    item : str
        What was looked at: a file, or a clip.
    verdict : str
        ``"ok"``, ``"wrong"``, or ``"note"`` for what is no damage.
    value : float
        Of a region, its shards; of a sample, the largest relative difference.
    detail : str
        What was found.
    """

    region: str
    check: str
    item: str
    verdict: str
    value: float
    detail: str


def audit_store(
    name: str,
    entry: Mapping[str, Any],
    *,
    plan: Path,
    versions: Mapping[str, int],
    location: store.Location,
    dtype: str,
    pooling: Sequence[str],
    n_clips: int,
    seed: int,
    n_threads: int,
    out: Path,
    condition: Mapping[str, Any] | None = None,
) -> None:
    """Look for damage in a store of embeddings; write a table of what was found.

    Parameters
    ----------
    name : str
        Name of the model in the experiment.
    entry : mapping
        Its config entry.
    plan : Path
        Plan of the store, from `regions.plan_regions`; its index is beside it.
    versions, location, dtype, pooling, condition
        As for `regions.plan_regions`.
    n_clips : int
        Clips that are embedded again, at most; none needs no weights.
    seed : int
        Which ones.
    n_threads : int
        As for `extraction.extract_region`.
    out : Path
        CSV file to write, with a column per attribute of `Finding`.
    """
    findings = list(_check_presence(plan, location))
    if not findings:
        rows = _rows_in_use(plan)
        sizes = store.files(location, "embedding/c")
        for region in region_files.named_in(plan):
            findings += _check_region(plan, region, location, rows, sizes)
        findings += _check_index(plan, location)
        findings += _leftovers(plan, location, sizes)
        if n_clips:
            whole = [f.region for f in findings if f.check == "region" and _is_ok(f)]
            rows = rows[rows["region"].isin(whole)]
            places = np.random.default_rng(seed).permutation(len(rows))[:n_clips]
            sample = rows.iloc[np.sort(places)].reset_index(drop=True)
            model = models.from_entry(entry)
            facts = regions.facts_of(name, model, versions, dtype, pooling, condition)
            if len(sample):
                findings += _check_sample(model, facts, sample, location, n_threads)
    STORE_AUDIT.write(pd.DataFrame(findings, columns=STORE_AUDIT.names), out)


def _is_ok(finding: Finding) -> bool:
    return finding.verdict == "ok"


def _check_presence(plan: Path, location: store.Location) -> Iterator[Finding]:
    """Say why nothing of a store can be read, if that is so."""
    item = str(location)
    if not plan.exists():
        yield Finding("", "store", item, "note", 0, "not there yet")
        return
    try:
        owners.check(plan, location)
        store.shard_of(location)
    except DataError as error:
        yield Finding("", "store", item, "wrong", 0, str(error))


def _rows_in_use(plan: Path) -> pd.DataFrame:
    """Return the rows of the clips that must have values: in use, and not skipped.

    Column `name` is that of `strengths.names_of`.
    """
    lists = []
    used = pd.read_parquet(layout.beside(plan, layout.STORE_PLAN, layout.STORE_CLIPS))
    for region, clips in used.groupby("region"):
        skipped = region_files.skipped_in(plan, str(region))
        listed = region_files.read_region(plan, str(region)).assign(region=region)
        listed["name"] = strengths.names_of(listed)
        used_here = listed["name"].isin(strengths.names_of(clips))
        failed = listed["name"].isin(skipped or {})
        lists.append(listed[used_here & ~failed & listed["n_frames"].gt(0)])
    return pd.concat(lists, ignore_index=True)


def _check_region(
    plan: Path,
    region: str,
    location: store.Location,
    rows: pd.DataFrame,
    sizes: Mapping[str, int],
) -> list[Finding]:
    """Read all shards of a region; look for clips that should have values."""
    if region_files.skipped_in(plan, region) is None:
        detail = "not filled yet: run the experiment"
        return [Finding(region, "region", "", "note", 0, detail)]
    clips = rows[rows["region"] == region]
    first = clips["first_frame"].to_numpy(np.int64)
    after = first + clips["n_frames"].to_numpy(np.int64)
    whole = region_files.rows_of(
        region_files.read_region(plan, region), store.shard_of(location)
    )
    findings, n_shards = [], 0
    for shard in store.check_shards(location, *whole, sizes):
        n_shards += 1
        inside = clips[(first < shard.stop) & (after > shard.start)]
        where = f"rows {shard.start}:{shard.stop}, {len(inside)} clips"
        if shard.values is None:
            detail = f"{where}: {shard.problem}"
            findings.append(Finding(region, "shard", shard.key, "wrong", 0, detail))
        elif not shard.written:
            if len(inside):
                detail = f"{where}: there is no such file"
                findings.append(Finding(region, "shard", shard.key, "wrong", 0, detail))
        else:
            empty = np.asarray(np.isnan(shard.values).any(axis=1))
            for clip in inside.itertuples():
                a = max(clip.first_frame - shard.start, 0)
                b = clip.first_frame + clip.n_frames - shard.start
                if n := int(empty[a:b].sum()):
                    detail = f"{n} rows hold NaN"
                    findings.append(
                        Finding(region, "rows", clip.name, "wrong", n, detail)
                    )
    verdict, detail = (
        ("wrong", "damaged") if findings else ("ok", "every shard was read")
    )
    return [Finding(region, "region", "", verdict, n_shards, detail), *findings]


def _check_index(plan: Path, location: store.Location) -> Iterator[Finding]:
    """Compare the index within the store with the one beside it."""
    file = layout.beside(plan, layout.STORE_PLAN, layout.INDEX)
    if not file.exists():
        yield Finding("", "index", file.name, "note", 0, "not written yet")
        return
    if problem := owners.compare_index(file, location):
        yield Finding("", "index", file.name, "wrong", 0, problem)
    else:
        yield Finding("", "index", file.name, "ok", 0, "the same in the store")


def _leftovers(
    plan: Path, location: store.Location, sizes: Mapping[str, int]
) -> Iterator[Finding]:
    """List what killed jobs left, and what belongs to no region of the plan."""
    names = set(region_files.named_in(plan))
    beside = region_files.unfinished(plan)
    for ending in region_files.FOLDERS:
        folder = region_files.beside(plan, ending)
        beside += [f for f in folder.glob("[0-9]*") if f.stem not in names]
    for file in sorted(beside):
        item = file.relative_to(plan.parent).as_posix()
        yield Finding("", "leftover", item, "note", 0, "of a job that was killed")
    shard = store.shard_of(location)
    spans = [
        region_files.rows_of(region_files.read_region(plan, r), shard) for r in names
    ]
    for key in sorted(sizes):
        start = store.first_row_of(key, shard)
        if key.endswith(store.PARTIAL):
            detail = "a shard that was not written to its end"
        elif not any(a <= start < b for a, b in spans):
            detail = "a shard of no region"
        else:
            continue
        yield Finding("", "leftover", f"{_IN_STORE}{key}", "note", 0, detail)


#: What an item in the store itself starts with; others are relative to the plan.
_IN_STORE = "store:"


def _check_sample(
    model: models.Model,
    facts: Mapping[str, Any],
    sample: pd.DataFrame,
    location: store.Location,
    n_threads: int,
) -> Iterator[Finding]:
    """Embed some clips again; compare with what is stored."""
    if facts["key"] != store.attributes(location)["key"]:
        detail = "made by other options, weights or versions: the next run replaces it"
        yield Finding("", "sample", "", "note", np.nan, detail)
        return
    parts: dict[int, list[NDArray[np.float32]]] = {}
    skipped: dict[str, str] = {}
    name = f"{location}: embedding again"
    with extraction.limit_for(model, n_threads):
        embedded = extraction.embed_clips(
            name, model, facts, sample, skipped, n_threads
        )
        for clip, values in embedded:
            parts.setdefault(clip, []).append(values)
    limits = (facts["dtype"], facts["precision"])
    tolerance = max(TOLERANCE[limit] for limit in limits)
    for clip, row in enumerate(sample.itertuples()):
        if row.name in skipped:
            detail = f"could not be embedded again: {skipped[row.name]}"
            yield Finding(row.region, "sample", row.name, "note", np.nan, detail)
            continue
        stop = row.first_frame + row.n_frames
        stored = store.read_embeddings(location, row.first_frame, stop)
        value = _difference(stored, np.concatenate(parts[clip]), facts["dtype"])
        detail = "identical" if value == 0 else f"tolerance {tolerance:g}"
        verdict = "ok" if value <= tolerance else "wrong"
        yield Finding(row.region, "sample", row.name, verdict, value, detail)


def _difference(
    stored: NDArray[np.float32], again: NDArray[np.float32], dtype: str
) -> float:
    """Return the largest difference, relative to the largest value of the clip."""
    if again.shape != stored.shape:
        return np.inf
    now = again.astype(dtype).astype(np.float64)
    largest = max(np.abs(now).max(), np.finfo(np.float32).tiny)
    return float(np.abs(stored - now).max() / largest)


def summarise(tables: Iterable[Path]) -> None:
    """Log what audits found: a line a store, and one for each damage.

    Parameters
    ----------
    tables : iterable of Path
        From `audit_store`.

    Raises
    ------
    DataError
        If something is wrong with any of the stores.
    """
    n_wrong = 0
    for table in tables:
        findings = STORE_AUDIT.read(table)
        log.info("%s: %s", table, _line(findings))
        bad = findings["verdict"].eq("wrong") & findings["check"].ne("region")
        for row in findings[bad].itertuples():
            of = f" of region {row.region}" if row.region else ""
            why = _explain(row.check, row.value, row.detail)
            log.info("  wrong: %s %s%s: %s", row.check, row.item, of, why)
        other = findings["verdict"].eq("note") & findings["check"].ne("leftover")
        for row in findings[other].itertuples():
            what = " ".join(filter(None, [row.check, row.region or row.item]))
            log.info("  %s: %s", what, row.detail)
        n_wrong += bool(bad.any())
    if n_wrong:
        raise DataError(
            f"damaged stores: {n_wrong}, as listed above. 'make repair' with the same "
            "EXPERIMENT marks the regions named there, and the next run embeds these "
            "again and no others."
        )


def _explain(check: str, value: float, detail: str) -> str:
    if check != "sample":
        return detail
    return (
        f"differs by {value:.2g} of its largest value, {detail}. Was the store made "
        "with other hardware or packages? If not, repair it"
    )


def _line(findings: pd.DataFrame) -> str:
    """Say in one line what was looked at in a store."""
    kinds = {check: rows for check, rows in findings.groupby("check")}
    parts = []
    if "region" in kinds:
        region_rows = kinds["region"]
        damaged = int(region_rows["verdict"].eq("wrong").sum())
        n_shards = int(region_rows["value"].sum())
        parts.append(
            f"{len(region_rows)} regions, {n_shards} shards read, {damaged} damaged"
        )
    if "sample" in kinds:
        values = kinds["sample"]["value"].dropna()
        same = int(values.eq(0).sum())
        worst = values.max() if len(values) else np.nan
        parts.append(
            f"{len(values)} clips embedded again, {same} identical, largest relative "
            f"difference {worst:.2g}"
        )
    if "leftover" in kinds:
        parts.append(f"{len(kinds['leftover'])} leftovers")
    return "; ".join(parts)


def repair(tables: Iterable[Path]) -> None:
    """Do what audits ask for: mark regions as not done, and clear leftovers.

    No job of the stores may run meanwhile.

    Parameters
    ----------
    tables : iterable of Path
        From `audit_store`: ``<condition>.audit.csv``, each beside its plan.
    """
    n_marked = 0
    for table in tables:
        plan = table.with_name(table.name.removesuffix(".audit.csv") + ".plan.json")
        findings = STORE_AUDIT.read(table)
        for item in findings.loc[findings["check"] == "leftover", "item"]:
            if item.startswith(_IN_STORE):
                key = item.removeprefix(_IN_STORE)
                store.remove_file(owners.store_of(plan, writing=True), key)
            else:
                (plan.parent / item).unlink(missing_ok=True)
        wrong = findings[
            findings["verdict"].eq("wrong") & findings["check"].ne("store")
        ]
        marked = sorted(set(wrong["region"]) - {""})
        if len(wrong):
            region_files.mark(plan, owners.store_of(plan, writing=True), marked)
        log.info("%s: regions to embed again: %s", table, ", ".join(marked) or "none")
        n_marked += len(marked)
    log.info("regions marked: %d; the next run embeds them again", n_marked)
