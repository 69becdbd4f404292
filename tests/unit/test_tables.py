"""What a table names is what was written, and a table is what is declared of it."""

import re
import runpy

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from earshift import registry, tables
from earshift.errors import DataError
from earshift.slurm import disk
from earshift.stages.report import final_tables as report_tables
from earshift.stages.report import page
from earshift.stages.report.figures import main
from earshift.stages.report.sections import Experiment, audit, forecast, sources
from earshift.stages.splits import classes, selection
from earshift.stages.statistics import summary
from earshift.tables import DEVIATIONS, Column, Table
from tests.helpers.places import LIBRARY, ROOT
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
    (found,) = DEVIATIONS.read(out).to_dict("records")
    assert {key: found[key] for key in cell} == cell
    assert found["n_classes"] == 3


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
    assert disk.needed_by(tmp_path / "plan.csv") == (10, 1)


def test_words_are_empty_and_numbers_are_missing_where_nothing_is_written(tmp_path):
    (tmp_path / "t.csv").write_text("class,note,auc,used\nNA,,,True\n,x,1.5,False\n")
    found = TABLE.read(tmp_path / "t.csv")
    assert found["class"].tolist() == ["NA", ""]
    assert found["note"].tolist() == ["", "x"]
    assert np.isnan(found["auc"][0])
    assert found["auc"][1] == 1.5
    assert found["used"].dtype == bool


#: One column of each type, one that may be empty, one that not all tables have, and one
#: whose name is a pattern.
TABLE = Table(
    "tables/example.csv",
    "Each class.",
    (
        Column("class", "text", "The class."),
        Column("auc", "number", "ROC-AUC.", empty="where it is not known"),
        Column("n_clips", "count", "Clips."),
        Column("used", "flag", "Whether it is used."),
        Column("note", "text", "A remark.", empty="if there is none"),
        Column("change_{protocol}", "number", "Change.", "points"),
        Column("null", "number", "Null value.", only="if a measure returns some"),
    ),
    "%.3f",
)


def rows(**columns):
    """Rows for `TABLE`, with some columns replaced, added or (None) left out."""
    whole = {
        "class": ["NA", "001"],
        "auc": [0.5, np.nan],
        "n_clips": [3, 4],
        "used": [True, False],
        "note": ["", "null"],
        "change_paper": [0.1, -2.0],
        "change_fixed": [1, 2],
    }
    kept = {n: v for n, v in (whole | columns).items() if v is not None}
    return pd.DataFrame(kept)


def test_what_is_declared_is_written_and_read_as_it_was(tmp_path):
    file = tmp_path / "new" / "t.csv"
    TABLE.write(rows(null=[1.0, 2.0]), file)
    assert file.read_text() == (
        "class,auc,n_clips,used,note,change_paper,change_fixed,null\n"
        "NA,0.500,3,True,,0.100,1,1.000\n"
        "001,,4,False,null,-2.000,2,2.000\n"
    )
    found = TABLE.read(file)
    assert found["class"].tolist() == ["NA", "001"]
    assert found["note"].tolist() == ["", "null"]
    assert found["used"].tolist() == [True, False]
    assert found["n_clips"].dtype == np.int64
    assert np.isnan(found["auc"][1])
    TABLE.write(found, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == file.read_bytes()


def test_all_names_survive_a_round_trip(tmp_path):
    names = pd.DataFrame({"class": CLASSES})
    whole = names.assign(auc=0.5, n_clips=1, used=True, note="", change_paper=0.0)
    TABLE.write(whole, tmp_path / "t.csv")
    assert tuple(TABLE.read(tmp_path / "t.csv")["class"]) == CLASSES


def test_a_table_without_rows_has_its_columns(tmp_path):
    assert TABLE.names == [*list(rows())[:5], "change_{protocol}"]
    TABLE.write(rows()[:0], tmp_path / "t.csv")
    assert list(TABLE.read(tmp_path / "t.csv")) == list(rows())


def test_columns_that_an_earlier_version_did_not_write_are_not_missed(tmp_path):
    (tmp_path / "t.csv").write_text("class,auc\nNA,0.5\n")
    assert TABLE.read(tmp_path / "t.csv").to_dict("list") == {
        "class": ["NA"],
        "auc": [0.5],
    }


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"auc": None}, "needs the column 'auc', got class, n_clips, used"),
        (
            {"change_paper": None, "change_fixed": None},
            "needs the column 'change_{protocol}', got class",
        ),
        ({"nul": [1, 2]}, "has no column 'nul' (known: "),
        ({"nul": [1, 2]}, "Did you mean 'null'?"),
        (
            {"auc": ["0.5", "1"]},
            "needs numbers in the column 'auc', got '0.5' in row 1 of 2",
        ),
        ({"auc": [0.5, True]}, "needs numbers in the column 'auc', got True in row 2"),
        ({"change_paper": ["a", "b"]}, "numbers in the column 'change_paper', got 'a'"),
        ({"class": ["NA", 1]}, "needs text in the column 'class', got 1 in row 2 of 2"),
        (
            {"class": ["", "x"]},
            "needs a value in every cell of the column 'class', got none in row 1",
        ),
        ({"class": ["x", None]}, "of the column 'class', got none in row 2 of 2"),
        ({"n_clips": [1.0, np.nan]}, "of the column 'n_clips', got none in row 2"),
        (
            {"n_clips": [1.0, 2.5]},
            "needs whole numbers from 0 on in the column 'n_clips', got ",
        ),
        (
            {"n_clips": [1, -1]},
            "needs whole numbers from 0 on in the column 'n_clips', got ",
        ),
        (
            {"n_clips": [1.0, np.inf]},
            "needs whole numbers from 0 on in the column 'n_clips', got ",
        ),
        ({"used": [1, 0]}, "needs True or False in the column 'used', got "),
        (
            {"used": ["yes", "no"]},
            "needs True or False in the column 'used', got 'yes'",
        ),
    ],
)
def test_what_is_not_declared_is_refused(tmp_path, columns, message):
    with pytest.raises(DataError, match=re.escape(message)) as error:
        TABLE.write(rows(**columns), tmp_path / "t.csv")
    assert str(error.value).startswith("the table tables/example.csv ")
    assert list(tmp_path.iterdir()) == []


def test_columns_out_of_order_or_twice_are_refused(tmp_path):
    turned = rows()[["auc", "class", *list(rows())[2:]]]
    with pytest.raises(DataError, match=r"in the order class, auc, .*; got auc, class"):
        TABLE.write(turned, tmp_path / "t.csv")
    twice = pd.concat([rows(), rows()[["auc"]]], axis=1)
    with pytest.raises(DataError, match="has the column 'auc' once, got it twice"):
        TABLE.write(twice, tmp_path / "t.csv")


def test_a_table_that_is_refused_leaves_the_one_before(tmp_path):
    TABLE.write(rows(), tmp_path / "t.csv")
    before = (tmp_path / "t.csv").read_bytes()
    with pytest.raises(DataError):
        TABLE.write(rows(auc=None), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == before


def test_a_stage_cannot_write_a_wrong_table(results, tmp_path):
    file = results / "tables" / "scores.csv"
    text = file.read_text()
    assert ",0.900000," in text
    file.write_text(text.replace(",0.900000,", ",high,", 1))
    with pytest.raises(
        DataError, match=r"tables/scores\.csv needs numbers in .*roc_auc"
    ):
        summary.collect_scores([file], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def every_table():
    """The tables of the core, and those of the studies that come with it."""
    studies = [registry.load("studies", n).make() for n in registry.names("studies")]
    return [
        *(table for some in tables.ALL.values() for table in some),
        *(table for study in studies for table in study.tables()),
    ]


def test_every_table_is_declared_once_and_in_full():
    every = every_table()
    named = [value for value in vars(tables).values() if isinstance(value, Table)]
    assert set(named) < set(every)
    assert len({table.file for table in every}) == len(every) > len(named) > 15
    for table in every:
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names), table.file
        for column in table.columns:
            assert column.type in tables.TYPES, (table.file, column.name)
            assert column.meaning.endswith("."), (table.file, column.name)
            assert not re.search(r"[.|]$", column.empty + column.only), column.name


def test_the_page_of_tables_is_in_step_with_the_declarations():
    page = runpy.run_path(str(ROOT / "docs" / "write_tables.py"))["page"]()
    assert (ROOT / "docs" / "tables.md").read_text() == page, (
        "run 'python docs/write_tables.py'"
    )
    for table in every_table():
        assert f"`{table.file}`" in page
        for column in table.columns:
            assert f"| `{column.name}` |" in page


def modules_with(pattern):
    """The modules of the library in which a call stands, but for files of others."""
    files = {
        path.relative_to(LIBRARY).as_posix(): path for path in LIBRARY.rglob("*.py")
    }
    return {
        name
        for name, path in files.items()
        if not name.startswith(("datasets/", "miniature/"))
        and re.search(pattern, path.read_text())
    }


#: It takes a user's table apart, into what datasets are read from: no table of ours.
OF_USERS = "runs/analysis.py"


def test_no_module_reads_a_table_of_ours_by_guessing():
    """Files of others have readers of their own; Snakemake writes its benchmarks."""
    benchmarks = "stages/report/sections/forecast.py"
    others = {benchmarks, OF_USERS}
    assert modules_with(r"\bread_csv\(") == {"tables/_table.py"} | others


def test_no_other_module_writes_a_table_of_ours():
    assert modules_with(r"\.to_csv\(") == {"tables/_table.py", OF_USERS}
    assert modules_with(r"\bcsv\.(?:writer|DictWriter|write_csv)\(") == set()
