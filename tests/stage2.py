"""Run stages 1 and 2 of one dataset and one model, as the workflow's jobs do."""

from earshift import clips, embeddings

VERSIONS = {"stage": 1, "plugin": 1}


def list_clips(folder, tmp_path, plugin="table", max_bad_clips=0.0, **options):
    """Stage 1 of a folder; return the clip table, which has audit.csv beside it."""
    table = tmp_path / "clips.parquet"
    clips.list_clips(
        "d",
        {"plugin": plugin, "folder": str(folder), **options},
        table=table,
        audit=tmp_path / "audit.csv",
        max_bad_clips=max_bad_clips,
        n_threads=2,
    )
    return table


def create(table, tmp_path, n_jobs, entry, versions=VERSIONS):
    """Lay out the store of a model; return its plan."""
    plan = tmp_path / "e.plan.json"
    embeddings.create_store(
        "m", entry, table=table, versions=versions, plan=plan, n_jobs=n_jobs
    )
    return plan


def extract(table, tmp_path, n_jobs, entry, max_bad_clips=1, **changes):
    """Fill the store of a model, the last job first; return its plan and markers."""
    plan = create(table, tmp_path, n_jobs, entry, **changes)
    markers = [tmp_path / f"{job}.json" for job in range(n_jobs)]
    for job in reversed(range(n_jobs)):
        embeddings.extract_shard(
            "d / m",
            entry,
            table=table,
            plan=plan,
            job=job,
            marker=markers[job],
            max_bad_clips=max_bad_clips,
            n_threads=2,
        )
    return plan, markers
