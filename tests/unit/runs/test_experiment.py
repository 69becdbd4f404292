"""What jobs are given, as far as the configuration alone decides it."""

import pytest

from earshift import registry, versions
from earshift.downloads import catalogue
from earshift.runs import (
    job_entries,
    job_inputs,
    job_params,
    job_resources,
    job_versions,
    settings,
)
from earshift.runs.experiment import MINIATURE, Experiment
from earshift.slurm.site import Site
from tests.helpers.places import ROOT

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
FEATURES = "out/3_features/{}/mfcc/{}.zarr"


def experiment(**changes):
    """An experiment on the miniature corpora."""
    config = {
        "results": "out",
        "datasets": {
            "a": {"plugin": "irmas", "folder": f"{MINIATURE}/irmas"},
            "b": {"plugin": "openmic", "folder": f"{MINIATURE}/openmic"},
        },
        "models": {"mfcc": None},
        "methods": ["none", "lda"],
    }
    return Experiment(settings.resolve(config | changes, SCHEMA))


def study(**changes):
    """An experiment with the protocols of the study."""
    given = {
        "study": "ismir2023",
        "protocols": ["paper", "fixed"],
        "splits": {"kind": "official", "n_repeats": 4},
    }
    return experiment(**(given | changes))


def imported(tmp_path):
    """An experiment in which a model is imported, and another is run."""
    (tmp_path / "vectors.npz").touch()
    entry = {"plugin": "imported", "files": {"a": str(tmp_path / "vectors.npz")}}
    entry["files"]["openmic"] = entry["files"]["a"]
    return experiment(models={"mfcc": None, "mine": entry})


def test_an_experiment_knows_its_folders_protocols_and_conditions():
    here = study(conditions={"clean": None, "gain": {"strengths": [-6, 6]}})
    assert (here.results, here.logs) == ("out", "logs/out")
    assert experiment(results="/data/x/").logs == "/data/x/logs"
    assert here.main_protocol == "fixed"
    assert list(here.families) == ["clean", "gain"]
    assert [c.family for c in here.conditions.values()] == ["clean", "gain", "gain"]
    assert study(protocols=["paper"]).main_protocol == "paper"


def test_imported_models_are_told_from_those_that_are_run(tmp_path):
    here = imported(tmp_path)
    assert (here.computed, here.imported) == (["mfcc"], ["mine"])
    assert job_params.import_options(here, "b", "mine") == {
        "file": str(tmp_path / "vectors.npz"),
        "datasets": ["b", "openmic"],
        "name": "mine",
        "columns": [],
    }
    assert job_inputs.imported_file(here, "a", "mine") == str(tmp_path / "vectors.npz")
    assert job_inputs.audit_tables(here) == [
        f"out/2_embeddings/{name}/mfcc/clean.audit.csv" for name in "ab"
    ]


def test_labels_of_each_dataset_are_those_at_hand_or_stand_for_what_a_job_makes(
    tmp_path,
):
    (tmp_path / "clips.csv").write_text("path,label\n")
    datasets = {
        "a": {"plugin": "irmas", "folder": f"{MINIATURE}/irmas"},
        "b": {"plugin": "table", "folder": str(tmp_path)},
        "c": {"plugin": "esc50"},
    }
    here = experiment(datasets=datasets)
    home = catalogue.datasets_folder()
    assert job_inputs.all_dataset_files(here) == [
        "resources/miniature/irmas",
        str(tmp_path / "clips.csv"),
        f"{home}/esc50.json",
    ]
    assert job_inputs.unpacked_marks(here) == [f"{home}/esc50.json"]
    (archive,) = job_inputs.verified_archives(here, "esc50")
    assert archive.startswith(f"{home}/{catalogue.ARCHIVES}/")
    assert archive.endswith(".sha256")


def test_the_list_of_clips_does_not_depend_on_what_names_of_recordings_mean():
    entry = {"plugin": "table", "folder": "a", "recordings": "freesound"}
    datasets = {"a": entry, "b": {"plugin": "table", "folder": "b"}}
    here = experiment(datasets=datasets)
    assert job_params.listed_entry(here, "a") == {"plugin": "table", "folder": "a"}
    assert job_params.namespaces(here)["a"] == "freesound"


def test_versions_of_a_job_are_those_of_its_stage_and_its_plugins():
    here = experiment(conditions={"clean": None, "gain": {"strengths": [-6, 6]}})
    assert job_versions.dataset_versions(here, "a") == {
        "stage": versions.CLIPS,
        "plugin": registry.version_of("datasets", "irmas"),
    }
    plain = job_versions.model_versions(here, "mfcc")
    assert plain["stage"] == versions.EMBEDDINGS
    assert job_versions.embedding_versions(here, "mfcc", "clean") == plain
    changed = job_versions.embedding_versions(here, "mfcc", "gain")
    gain = registry.version_of("conditions", "gain")
    assert changed == plain | {"condition": gain}
    assert list(job_versions.score_versions(here, "fixed")) == ["stage", "none", "lda"]
    methods = {name: registry.version_of("debias", name) for name in ("none", "lda")}
    found = job_versions.discrepancy_versions(here)
    assert found == {"stage": versions.DISCREPANCY} | methods
    assert job_versions.all_versions(here)["methods"] == methods


def test_a_protocol_of_a_users_own_study_has_its_version(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        '"""A study."""\n'
        "from earshift.studies import Protocol, Study\n"
        "version = 3\ncitation = 'none'\n"
        "class Plain(Protocol):\n    name = 'plain'\n"
        "class Mine(Study):\n    protocols = (Plain(),)\n"
        "def make():\n    return Mine()\n"
    )
    here = experiment(study=str(file), protocols=["plain", "fixed"])
    assert str(here.study_version["study"]).startswith("3+")
    stage = {"stage": versions.SPLITS}
    assert job_versions.split_versions(here, "plain") == stage | here.study_version
    assert job_versions.split_versions(here, "fixed") == stage


def test_embeddings_lie_in_the_results_or_at_the_address():
    here = experiment(conditions={"gain": {"strengths": [-6, 6]}})
    options = job_params.store_options(here, "a", "mfcc", "gain")
    assert options["location"] == "out/2_embeddings/a/mfcc/gain.zarr"
    assert options["condition"]["strengths"] == ["-6", "6"]
    store = {"address": "s3://bucket/x/", "keep_frames": False, "dtype": "float16"}
    there = experiment(store=store)
    assert job_params.store_options(there, "a", "mfcc", "clean") == {
        "location": "s3://bucket/x/a/mfcc/clean.zarr",
        "dtype": "float16",
        "pooling": there.config["pooling"],
    }


def test_strengths_of_a_condition_share_a_store_and_a_plan():
    here = experiment(conditions={"gain": {"strengths": [-6, 6]}})
    rows = job_entries.planned_stores(here)
    names = list(here.conditions)
    assert [(r["dataset"], r["condition"]) for r in rows] == [
        (d, name) for d in "ab" for name in names
    ]
    assert rows[1]["features"] == FEATURES.format("a", names[1])
    assert {r["options"]["plan"] for r in rows} == {
        f"out/2_embeddings/{d}/mfcc/gain.plan.json" for d in "ab"
    }
    calibration = job_inputs.calibration_file(here, "mfcc")
    assert {r["calibration"] for r in rows} == {calibration}
    assert job_inputs.all_calibrations(here) == [calibration]
    index = "2_embeddings/{dataset}/{model}/{condition}.index.parquet"
    found = job_inputs.of_family(here, "a", "mfcc", names[0], index)
    assert found == "out/2_embeddings/a/mfcc/gain.index.parquet"


def test_a_calibration_is_named_by_what_decides_it():
    names = {
        job_inputs.calibration_file(experiment(models={"mfcc": entry}), "mfcc")
        for entry in (None, {"precision": "float32"}, {"short": "repeat"})
    }
    assert len(names) == 3
    assert all(n.startswith("out/2_embeddings/calibration/mfcc/clean.") for n in names)


def test_later_stages_find_each_dataset_as_a_protocol_uses_it():
    here = study()
    (first, second) = job_entries.domain_entries(here, "mfcc", "clean", "paper")
    assert first == {
        "name": "a",
        "features": FEATURES.format("a", "clean"),
        "labels": "out/4_splits/paper/a.labels.parquet",
        "splits": "out/4_splits/paper/a.parquet",
    }
    assert second["name"] == "b"
    files = job_entries.domain_files(here, "mfcc", "clean")
    assert files[:3] == [
        FEATURES.format("a", "clean"),
        "out/4_splits/fixed/a.labels.parquet",
        "out/4_splits/fixed/a.parquet",
    ]
    assert len(files) == 6


def test_classes_need_the_draws_of_protocols_that_draw():
    here = study()  # the study's protocol draws, whatever the config says
    entries = job_entries.class_entries(here)
    assert [(e["protocol"], e["name"], e["draws"]) for e in entries] == [
        ("fixed", "a", []),
        ("fixed", "b", []),
        ("paper", "a", "out/4_splits/draws.paper.parquet"),
        ("paper", "b", "out/4_splits/draws.paper.parquet"),
    ]
    assert job_params.balance(here, "paper") == {"balance": "paper"}
    assert job_entries.all_draws(here) == ["out/4_splits/draws.paper.parquet"]
    assert job_entries.class_files(here) == [
        "out/4_splits/draws.paper.parquet",
        *(
            f"out/4_splits/{protocol}/{file}"
            for protocol in ("fixed", "paper")
            for name in "ab"
            for file in (f"{name}.labels.parquet", f"{name}.parquet")
        ),
    ]


@pytest.mark.parametrize(
    ("splits", "n_repeats"),
    [
        ({"kind": "official", "n_repeats": 4}, 1),
        ({"kind": "official", "n_repeats": 4, "balance": "joint"}, 4),
        ({"kind": "grouped", "n_repeats": 4}, 4),
    ],
)
def test_official_folds_are_repeated_only_for_draws(splits, n_repeats):
    options = job_params.split_options(experiment(splits=splits))
    assert options == {
        "kind": splits["kind"],
        "n_folds": 5,
        "n_repeats": n_repeats,
    }


def test_copies_are_looked_up_unless_they_stay_apart():
    assert job_inputs.copies_file(experiment()) == "out/1_clips/duplicates.csv"
    assert job_inputs.copies_file(experiment(splits={"copies": "apart"})) == []


def test_only_the_alignment_of_the_experiment_is_recorded():
    assert job_versions.alignment_contents(experiment()) == {}
    found = job_versions.alignment_contents(experiment(alignment="instruments"))
    (file,) = found
    assert file == "{project}/resources/alignments/instruments.yaml"
    assert len(found[file]) == 64


def test_templates_of_the_page_are_recorded_with_that_of_a_study():
    names = set(job_versions.template_contents(experiment()))
    assert {name for name in names if name.endswith("/page.html.j2")}
    assert names == set(job_versions.template_contents(study()))  # it lies among them


def test_workers_ask_for_memory_by_threads_and_once_for_more():
    workers = {"memory_mb": 800, "nodes": 3}
    asked = job_resources.worker_resources(experiment(workers=workers))
    memory = asked.pop("mem_mb")
    assert asked == {
        "slurm_extra": "--no-kill",
        "nodes": 3,
        "tasks": 3,
        "mpi": "srun",
    }
    assert [memory(None, 4, attempt) for attempt in (1, 2, 3)] == [3200, 6400, 6400]
    elastic = experiment(workers={"memory_mb": 800, "elastic": True})
    asked = job_resources.worker_resources(elastic)
    assert asked["cpus_per_task"] == 1
    assert asked["mem_mb"](None, 4, 1) == 800
    one = job_resources.worker_resources(experiment(workers={"nodes": 1}))
    assert list(one) == ["mem_mb"]


def test_only_models_on_gpus_ask_for_a_partition_with_some():
    site = Site(gpu_partition="fast", gpu_model="a100")
    on_gpu = experiment(extraction={"gpu": 2})
    assert job_resources.gpu_resources(on_gpu, site) == {
        "gpu": 2,
        "slurm_partition": "fast",
        "gpu_model": "a100",
    }
    assert job_resources.gpu_resources(on_gpu, Site()) == {"gpu": 2}
    assert job_resources.gpu_resources(experiment(), site) == {"gpu": 0}


def test_extraction_asks_for_more_when_it_is_tried_again():
    here = experiment(extraction={"minutes_per_job": 10})
    key = {"dataset": "a", "model": "mfcc", "condition": "clean"}
    minutes = [job_resources.extraction_runtime(here, **key, attempt=n) for n in (1, 2)]
    memory = [job_resources.extraction_memory(here, **key, attempt=n) for n in (1, 2)]
    assert minutes[0] > 10
    assert minutes[1] == 2 * minutes[0]
    assert memory[1] == 2 * memory[0] > 0
