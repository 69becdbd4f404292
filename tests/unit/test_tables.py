"""What a table names is what was written, whatever it looks like."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from earshift.slurm import disk
from earshift.stages.report import final_tables as report_tables
from earshift.stages.report import page
from earshift.stages.report.figures import main
from earshift.stages.report.sections import Experiment, audit, forecast, sources
from earshift.stages.splits import classes, selection
from earshift.stages.statistics import summary
from earshift.tables import read_table, read_text
from tests.helpers.places import LIBRARY
from tests.helpers.report_tables import MEASURES, config_of, write_results

#: Names that pandas takes for missing values or numbers where it is left to guess.
CLASSES = ("NA", "None", "nan", "null", "01", "1", "1e5", "100000", "True", "N/A", "-5")
DATASETS = ("001", "NA")


@pytest.fixture
def results(tmp_path):
    """Results with such names; scores are those of `collect_scores`."""
    folder = write_results(
        tmp_path / "r", datasets=DATASETS, models=("1e3", "nan"), classes=CLASSES
    )
    file = folder / "tables" / "scores.csv"
    whole = pd.read_csv(file, dtype=str, keep_default_na=False)
    # As stage 5 writes them: a table for each model.
    parts = [tmp_path / f"{i}.csv" for i in range(2)]
    for part, (_, rows) in zip(parts, whole.groupby("model"), strict=True):
        rows.to_csv(part, index=False)
    file.unlink()
    summary.collect_scores(parts, file)
    return folder


def test_collected_scores_have_every_name_as_it_was(results):
    written = pd.read_csv(
        results / "tables" / "scores.csv", dtype=str, keep_default_na=False
    )
    assert len(written) == 2 * 2 * 2 * 2 * len(CLASSES)
    assert set(written["class"]) == set(CLASSES)
    assert written["class"].value_counts().nunique() == 1
    for column in ("train", "test"):
        assert set(written[column]) == set(DATASETS)
    assert set(written["model"]) == {"1e3", "nan"}
    found = report_tables.read(results / "tables")
    assert set(found.scores["class"]) == set(CLASSES)
    assert found.scores["roc_auc"].dtype == np.float64
    assert found.datasets == list(DATASETS)
    assert found.directions == [("001", "NA"), ("NA", "001")]


def test_the_figure_of_classes_shows_all_of_them(results):
    found = report_tables.read(results / "tables")
    figure = main.per_class(found)
    shown = {t.get_text() for t in figure.findobj(Text) if t.get_visible()}
    assert set(CLASSES) <= shown
    assert {"tested on 001", "tested on NA"} <= shown
    axes = [ax for ax in figure.axes if ax.get_visible()]
    assert len(axes) == 2 * 2
    assert len(axes[0].get_yticklabels()) == len(CLASSES)


def test_the_page_names_datasets_and_classes_as_they_are(results):
    main.draw_figures(results / "tables", MEASURES, results / "figures")
    (results / "figures" / "audio.svg").write_text("<svg/>")
    (results / "tables" / "padding.csv").write_text(
        "dataset,model,condition,short,window_s,n_clips,n_padded,padding\n"
        "001,nan,clean,pad,1,6,3,0.5\nNA,nan,clean,pad,1,6,0,0\n"
    )
    found = report_tables.read(results / "tables", measures=MEASURES)
    experiment = Experiment(results, config_of_names(results), {}, found)
    shown = {section.id: values for section, values in page.section_values(experiment)}
    assert [row["name"] for row in shown["datasets"]["datasets"]] == list(DATASETS)
    rows = shown["classes"]["classes"]
    assert {row["name"] for row in rows} == set(CLASSES)
    assert all(row["used"] for row in rows)
    assert [row["reason"] for row in rows] == [""] * len(CLASSES)
    assert set(shown["results"]["main"]) == {"1e3", "nan"}
    told = shown["findings"]["findings"]
    said = [sentence for each in told for sentence in each.sentences]
    (short,) = [s for s in said if "shorter than a window of nan" in s]
    assert short.startswith("3 of 6 clips of 001 and 0 of 6 clips of NA are shorter")
    cues = audit.describe_audit(results, list(DATASETS))["cues"]
    assert {(row["a"], row["b"]) for row in cues} == {DATASETS}
    assert classes.read_classes(results / "4_splits/classes.csv") == sorted(CLASSES)


def config_of_names(results):
    config = config_of(results)
    dataset = {"plugin": "table", "folder": "nowhere"}
    return config | {
        "datasets": dict.fromkeys(DATASETS, dataset),
        "models": {name: {"plugin": "mfcc"} for name in ("1e3", "nan")},
    }


def test_clips_left_out_are_named_as_they_are(results):
    file = results / "3_features/NA/nan/clean.skipped.csv"
    file.write_text("clip_id,reason\n007,short\nNA,silent\n")
    rows = sources.describe_datasets(results, config_of_names(results))[1]["audit"]
    assert [row["clip"] for row in rows] == ["007", "NA"]


def test_deviations_keep_their_names(tmp_path):
    cell = {"model": "1", "condition": "clean", "method": "lda", "scope": "global"}
    cell |= {"train": "001", "test": "NA"}
    rows = [cell | {"class": c, "roc_auc": 0.5} for c in ("01", "1", "nan")]
    for name, more in (("scores", {"protocol": "paper"}), ("own", {"fault": "D1"})):
        pd.DataFrame([row | more for row in rows]).to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    out = tmp_path / "out.csv"
    selection.collect_deviations([tmp_path / "own.csv"], [tmp_path / "scores.csv"], out)
    (found,) = read_text(out).to_dict("records")
    assert {key: found[key] for key in cell} == cell
    assert found["n_classes"] == "3"


def test_the_plan_of_a_run_names_its_datasets(tmp_path):
    columns = "made,stage,dataset,model,condition,bytes,files,address\n"
    (tmp_path / "plan.csv").write_text(
        f"{columns}2026,1 clips,NA,,,10,1,\n2026,2 embeddings,001,1e3,01,5,2,s3://x\n"
    )
    found = forecast.read(tmp_path)
    assert found["dataset"].tolist() == ["NA", "001"]
    assert found["model"].tolist() == ["", "1e3"]
    assert found["condition"].tolist() == ["", "01"]
    # What goes to an address takes no room here.
    assert disk._needed(tmp_path / "plan.csv") == (10, 1)


def test_words_are_empty_and_numbers_are_missing_where_nothing_is_written(tmp_path):
    (tmp_path / "t.csv").write_text(
        "class,reason,value,used\nNA,,,True\n,x,1.5,False\n"
    )
    found = read_table(tmp_path / "t.csv")
    assert found["class"].tolist() == ["NA", ""]
    assert found["reason"].tolist() == ["", "x"]
    assert np.isnan(found["value"][0])
    assert found["value"][1] == 1.5
    assert found["used"].dtype == bool


def test_no_module_reads_a_table_of_ours_by_guessing():
    """Files of others, and what ships with the project, have readers of their own."""
    own = ("tables.py", "stages/report/sections/forecast.py")
    found = [
        path.relative_to(LIBRARY).as_posix()
        for path in LIBRARY.rglob("*.py")
        if "datasets" not in path.parts and re.search(r"\bread_csv\(", path.read_text())
    ]
    assert sorted(found) == sorted(own)
