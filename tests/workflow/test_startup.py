"""What a run says before its first job, and of what it leaves out."""

import shutil

import pandas as pd
import pytest
import yaml

from tests.helpers.workflow import run, snakemake, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(600)]


def said_last(folder, done):
    """The message of a run that was refused: all that it wrote, and no job ran."""
    assert done.returncode != 0
    assert not (folder / "results").exists()
    lines = done.stderr.strip().splitlines()
    # Snakemake itself begins with where its defaults are from.
    assert lines.pop(0).startswith("Using workflow specific profile")
    assert lines[0].startswith("Error: ")
    assert len(lines) <= 5
    assert "Traceback" not in done.stderr
    assert ".smk" not in done.stderr
    return done.stderr


def change_table(folder, **replaced):
    """Replace texts in the table of the dataset `hum`."""
    file = folder / "hum" / "clips.csv"
    text = file.read_text()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


@pytest.mark.parametrize(
    ("replaced", "changes", "message"),
    [
        ({"recording": "recrding"}, {}, "hum/clips.csv"),
        ({"treble,": ","}, {}, "hum/clips.csv, row 20"),
        ({",treble,": ",bass,"}, {}, "dataset 'hum' has one class only, 'bass'"),
        (
            {"bass,": "low,", "treble,": "high,"},
            {},
            "clear, hum have no class in common: clear has bass, treble; hum has high",
        ),
        ({}, {"splits": {"n_folds": 40}}, "18 recordings, too few for 40 folds"),
        ({}, {"seed": 1.5}, "config: seed must be a whole number, got 1.5"),
        ({}, {"alignment": "no.yaml"}, "there is no alignment file 'no.yaml'"),
    ],
)
def test_a_mistake_ends_the_run_at_once_and_is_said_last(
    tmp_path, replaced, changes, message
):
    folder = write_experiment(tmp_path / "x", **changes)
    change_table(folder, **replaced)
    assert message in said_last(folder, run(folder))


def test_a_part_that_needs_no_labels_is_made_without_them(tmp_path):
    folder = write_experiment(tmp_path / "x")
    change_table(folder, **{"treble,": ","})
    said_last(folder, run(folder, "-n"))
    done = run(folder, "results/1_clips/clear.list.parquet", "-n")
    assert done.returncode == 0, done.stderr


def test_settings_within_a_section_can_be_given_on_the_command_line(tmp_path):
    folder = write_experiment(tmp_path / "x")
    done = snakemake(folder, "-n", "--config", "splits={n_folds: 40}", "seed=2.0")
    assert "18 recordings, too few for 40 folds" in said_last(folder, done)
    done = snakemake(folder, "-n", "--config", "splits={n_folds: 4}", "seed=2.0")
    assert done.returncode == 0, done.stderr
    assert "classes in all of clear, hum: 2 (bass, treble)" in done.stderr


def test_an_experiment_file_without_results_overwrites_no_other_one(tmp_path):
    folder = write_experiment(tmp_path / "x")
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    del config["results"]
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    target = "results_experiment/1_clips/clear.list.parquet"
    done = snakemake(folder, target, "--cores", "1")
    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(folder / target)) == 36
    assert not (folder / "results").exists()
    assert (folder / "logs/results_experiment/list_clips/clear.log").exists()


@pytest.fixture(scope="module")
def mistyped(tmp_path_factory):
    """A run in which one dataset spells a class otherwise, and has a bad clip."""
    folder = write_experiment(
        tmp_path_factory.mktemp("mistyped"),
        methods=["none"],
        discrepancy=["domain_auc_linear"],
        max_bad_clips=1,
    )
    sounds = folder / "hum" / "audio"
    for i in range(10):
        shutil.copy(sounds / "bass_0_0.wav", sounds / f"other_{i}.wav")
    more = "".join(f"audio/other_{i}.wav,horn,o{i},x\n" for i in range(10))
    table = folder / "hum" / "clips.csv"
    table.write_text(table.read_text().replace("treble,", "Treble,") + more)
    (sounds / "bass_1_0.wav").write_bytes(b"")
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


def test_a_mistyped_class_is_said_at_both_ends_of_a_run(mistyped):
    _, done = mistyped
    first = done.stderr.index("Treble (hum: 18 clips, 18 kept as negatives; did you")
    assert first < done.stderr.index("list_clips")
    end = " ".join(done.stdout[done.stdout.index("Left out") :].split())
    assert (
        "Treble (hum: 18 clips, 18 kept as negatives; did you mean 'treble' of" in end
    )
    assert "horn (hum: 10 clips, 10 kept as negatives)" in end
    assert "hum: 1 of 46 clips cannot be used (1 empty;" in end
    assert end.endswith("Report: results/report.html")


def test_the_table_of_classes_has_every_class_of_every_dataset(mistyped):
    folder, _ = mistyped
    found = pd.read_csv(folder / "results/4_splits/classes.csv", keep_default_na=False)
    assert len(found) == 4 * 2
    found = found.set_index(["class", "dataset"])
    assert set(found.index[found["used"]]) == {("bass", "clear"), ("bass", "hum")}
    counts = ["n_present", "n_absent", "n_unknown", "n_negatives"]
    assert list(found.loc[("bass", "hum"), counts]) == [17, 28, 0, 0]
    assert list(found.loc[("horn", "hum"), counts]) == [10, 35, 0, 10]
    assert list(found.loc[("horn", "clear"), counts]) == [0, 0, 36, 0]
    assert found.loc[("Treble", "clear"), "near"] == "treble"
    assert found.loc[("treble", "hum"), "near"] == "Treble"
    assert found.loc[("treble", "hum"), "reason"] == "not labelled"
    assert found.loc[("treble", "clear"), "reason"] == "cannot be used in hum"


def test_the_page_begins_with_what_is_left_out(mistyped):
    folder, _ = mistyped
    page = (folder / "results/report.html").read_text(encoding="utf-8")
    begin, end = page.index('id="not-used"'), page.index("How well do classifiers")
    assert page.index('id="findings"') < begin < end
    block = page[begin:end]
    assert "did you mean &#39;treble&#39; of clear?" in block
    assert "1 of 46 clips cannot be used (1 empty" in block
    assert "kept as negatives" in block
