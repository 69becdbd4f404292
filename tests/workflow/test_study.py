"""The ISMIR 2023 study in small: embeddings in the published layout, one command."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from earshift.miniature.openmic_tables import OPENMIC_CLASSES
from earshift.stages.splits import selection
from tests.helpers.places import ROOT
from tests.helpers.workflow import environment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

CODES = {"cello": ["cel"], "guitar": ["gac", "gel"], "voice": ["voi"]}
METHODS = ["none", "lda", "mlda", "k", "klda", "mklda"]

#: Genres of IRMAS; it has no country_folk.
GENRES = ["pop_roc", "jaz_blu", "cla"]

#: Titles of OpenMIC-2018, and whether the map of the study knows them.
TITLES = {"Rock": True, "Jazz": True, "Classical": True, "Folk": True, "Blues": False}

N_FEATURES = 16


def irmas_keys():
    """Key, class, genre and side of 144 clips, two a recording, and some of lat_sou."""
    rows = []
    for name, codes in CODES.items():
        for i in range(24):
            genre = GENRES[i % 3] if i else "lat_sou"
            head = f"[{codes[i % len(codes)]}][dru][{genre}]{len(rows):04d}"
            side = "test" if i % 4 == 3 else "train"
            rows += [(f"001__{head}__{k}", name, genre, side) for k in (1, 2)]
    return pd.DataFrame(rows, columns=["key", "class", "genre", "side"])


def openmic_keys(rng):
    """Key, classes, title and side of 200 tracks of one clip."""
    number = np.arange(200)
    rows = pd.DataFrame({"key": [f"{100 + i:06d}_3840" for i in number]})
    for name in CODES:
        rows[name] = rng.random(200) < 0.5
    rows["title"] = np.array(list(TITLES))[number % 5]
    return rows.assign(side=np.where(number // 5 % 4 == 3, "test", "train"))


def write_lists(folder, name, rows, n_times):
    """The keys of each side, as often as the clips have frames."""
    for side in ("train", "test"):
        keys = rows.loc[rows["side"] == side, "key"].repeat(n_times)
        (folder / f"{name}_{side}.csv").write_text("\n".join(keys) + "\n")


def write_inputs(folder):
    """The published layout: classes, a shift, and one that depends on the genre."""
    rng = np.random.default_rng(0)
    irmas, openmic = irmas_keys(), openmic_keys(rng)
    for name in ("irmas", "openmic-2018"):
        (folder / "data" / name).mkdir(parents=True)
    write_lists(folder / "data/irmas", "irmas", irmas, 3)
    home = folder / "data/openmic-2018"
    write_lists(home, "openmic2018", openmic, 2)
    (home / "class-map.json").write_text(
        json.dumps({name: i for i, name in enumerate(OPENMIC_CLASSES)})
    )
    places = [OPENMIC_CLASSES.index(name) for name in CODES]
    mask = np.zeros((len(openmic), len(OPENMIC_CLASSES)), bool)
    mask[:, places] = True
    likelihood = np.full(mask.shape, 0.5)
    likelihood[:, places] = openmic[list(CODES)]
    order = rng.permutation(len(openmic))
    np.savez(
        home / "openmic-2018.npz",
        Y_true=likelihood[order],
        Y_mask=mask[order],
        sample_key=openmic["key"].to_numpy(object)[order],
    )
    titles = [str([{"genre_title": title}]) for title in openmic["title"]]
    metadata = pd.DataFrame({"sample_key": openmic["key"], "track_genres": titles})
    metadata.to_csv(home / "openmic-2018-metadata.csv", index=False)
    shift, *of_class = 1.5 * rng.standard_normal((1 + len(CODES), N_FEATURES))
    of_genre = {g: rng.standard_normal(N_FEATURES) for g in openmic["title"].unique()}
    irmas_classes = np.stack([irmas["class"] == name for name in CODES], axis=1)
    moved = np.stack([shift + of_genre[title] for title in openmic["title"]])
    with h5py.File(folder / "embeddings.h5", "w") as held:
        for name, rows, present, offset in (
            ("irmas", irmas, irmas_classes, 0),
            ("openmic", openmic, openmic[list(CODES)].to_numpy(), moved),
        ):
            X = present @ np.stack(of_class) + offset
            X = np.repeat(X + rng.standard_normal(X.shape), 2, axis=0)
            X += 0.1 * rng.standard_normal(X.shape)
            for model in ("net", "other"):
                held[f"{name}/{model}/features"] = X.astype(np.float32)
                held[f"{name}/{model}/keys"] = rows["key"].repeat(2).to_numpy("S")
    return irmas, openmic


def study(folder, *arguments):
    """What `make study` runs, in `folder`."""
    launcher = ROOT / "workflow" / "scripts" / "run.py"
    return subprocess.run(
        [sys.executable, str(launcher), "--cores", "2", *map(str, arguments)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=1500,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of the run, that of its results, and the finished process."""
    root = tmp_path_factory.mktemp("study")
    folder, out = root / "here", root / "elsewhere" / "results"
    folder.mkdir()
    keys = write_inputs(folder / "inputs")
    config = yaml.safe_load((ROOT / "workflow/experiments/ismir2023.yaml").read_text())
    config["classifier"]["C"] = [0.01, 1.0]
    config["splits"]["n_repeats"] = 2
    config |= {
        "statistics": {"n_resamples": 199, "n_refits": 0},
        "discrepancy": ["domain_auc_linear"],
    }
    (folder / "lean.yaml").write_text(yaml.safe_dump(config))
    arguments = ["--study", "inputs", "--out", out, "--models", "net"]
    arguments += ["--configfile", "lean.yaml"]
    process = study(folder, *arguments)
    assert process.returncode == 0, process.stderr[-3000:]
    return folder, out, keys, arguments


def test_no_job_of_the_finished_study_is_left(done):
    folder, _, _, arguments = done
    said = study(folder, *arguments, "--status").stdout
    (line,) = [x for x in said.splitlines() if x.startswith("  all stages")]
    jobs, finished, running = line.split()[2:5]
    assert (jobs, running) == (finished, "-")
    assert int(jobs) > 20


def test_both_protocols_score_every_cell(done):
    _, out, (irmas, openmic), _ = done
    scores = pd.read_csv(out / "tables/scores.csv")
    assert set(scores["model"]) == {"net"}
    assert not scores.duplicated(list(scores.columns[:11])).any()
    scores = scores[scores["sample"].eq("all")]
    # methods x scopes x (train, test) x classes x repeats
    for protocol, n_repeats in (("paper", 1), ("fixed", 2)):
        own = scores[scores["protocol"] == protocol]
        assert len(own) == 6 * 2 * 4 * 3 * n_repeats
        assert set(own["method"]) == set(METHODS)
        assert set(own["class"]) == set(CODES)
    metrics = ["roc_auc", "average_precision", "accuracy", "precision", "recall", "f1"]
    assert scores[metrics].notna().all(axis=None)
    assert ((scores[metrics] >= 0) & (scores[metrics] <= 1)).all(axis=None)
    n_irmas = ((irmas["side"] == "test") & (irmas["genre"] != "lat_sou")).sum()
    tested = openmic[openmic["side"] == "test"]
    n_paper = tested["title"].map(TITLES).sum()
    sizes = scores.groupby(["protocol", "test"])["n_test"].unique().str[0].to_dict()
    assert sizes == {
        ("paper", "irmas"): n_irmas,
        ("paper", "openmic"): n_paper,  # whose map does not know the Blues
        ("fixed", "irmas"): n_irmas,
        ("fixed", "openmic"): len(tested),
    }


def test_what_was_planted_is_found(done):
    _, out, *_ = done
    scores = pd.read_csv(out / "tables/scores.csv")
    scores = scores[scores["sample"].eq("all")]
    plain = scores[scores["method"] == "none"]
    mean = plain.groupby(["protocol", "train", "test"])["roc_auc"].mean()
    for protocol in ("paper", "fixed"):
        for name in ("irmas", "openmic"):
            assert mean[protocol, name, name] > 0.85
    # What fits no direction does not depend on the clips that it would be fitted on.
    same = scores[scores["method"].isin(["none", "k"])]
    cell = ["protocol", "method", "train", "test", "class", "repeat"]
    both = same.pivot_table(index=cell, columns="scope", values="roc_auc").loc["paper"]
    np.testing.assert_allclose(both["global"], both["classwise"])
    changed = scores.pivot_table(index=cell, columns="scope", values="roc_auc")
    fitted = changed.loc["paper"].loc["lda"]
    assert (fitted["global"] != fitted["classwise"]).any()


def test_the_other_tables_and_their_files_are_there(done):
    _, out, *_ = done
    found = pd.read_csv(out / "tables/deviations.csv")
    assert (found["fault"] == selection.ALL_CORRECTED).any()
    assert found["fault"].nunique() > 5
    assert set(found["method"]) == set(METHODS)
    assert found["change"].abs().max() < 1
    for protocol in ("paper", "fixed"):
        home = out / "5_scores" / protocol / "net"
        rows = pd.read_parquet(home / "clean.directions.parquet")
        assert {"dataset", "class"} <= set(rows["kind"])
        drawn = pd.read_parquet(out / f"4_splits/draws.{protocol}.parquet")
        clips = pd.read_parquet(out / "1_clips/openmic.parquet")
        blues = clips["subgroup_paper"].isna() & (clips["subgroup"] == "jazz_blue")
        used = set(drawn["clip_id"].astype(str)) & set(clips.loc[blues, "clip_id"])
        assert bool(used) == (protocol == "fixed")
    assert (out / "report.html").is_file()


def test_results_elsewhere_have_their_logs_with_them(done):
    folder, out, *_ = done
    assert {p.name for p in folder.iterdir() if not p.name.startswith(".")} == {
        "inputs",
        "lean.yaml",
    }
    logs = {str(p.relative_to(out)) for p in out.glob("logs/**/*.log")}
    assert "logs/cross_validate/paper/net/clean.log" in logs


def test_a_second_run_has_nothing_to_do(done):
    folder, _, _, arguments = done
    again = study(folder, *arguments)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stderr + again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study", "nowhere", "--out", "x"], "the folder 'nowhere' does not exist"),
        (["--study", ".", "--out", "x"], "there is no file 'embeddings.h5'"),
        (["--study", "inputs", "--out", "x", "--models", "ne"], "Did you mean 'net'?"),
        (["--study", "inputs", "--out", ""], "INPUTS=DIR OUT=DIR2"),
        (["--out", "x"], "belong to --study"),
    ],
)
def test_wrong_inputs_are_one_clear_error(done, arguments, message):
    folder, *_ = done
    (folder / "config.yaml").touch()
    failed = study(folder, *arguments)
    (folder / "config.yaml").unlink()
    assert failed.returncode != 0
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (folder / "x").exists()
