import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from earshift import datasets
from earshift.errors import ConfigError
from earshift.runs import settings
from tests.helpers.config import SCHEMA, minimal
from tests.helpers.places import ROOT


def silent(plugin, audio=False):
    """A dataset without audio or folder, and another."""
    other = {"plugin": "table", "folder": "b"}
    return {"a": {"plugin": plugin, "audio": audio}, "b": other}


def test_defaults_are_filled_in_and_entries_named():
    config = settings.resolve(minimal(), SCHEMA)
    assert config["splits"] == {
        "kind": "grouped",
        "n_folds": 5,
        "copies": "group",
        "n_repeats": 5,
        "balance": "none",
    }
    assert config["statistics"] == {
        "n_resamples": 1000,
        "n_refits": 20,
        "confidence": 0.95,
        "rope": 0.01,
    }
    assert config["fit"] == "pair"
    assert config["models"] == {"mfcc": {"plugin": "mfcc"}}
    assert list(config["methods"]) == ["none", "lda", "mlda", "mean_projection"]
    assert config["conditions"] == {"clean": {"plugin": "clean"}}


IN_JOB = """
import json, sys
from pathlib import Path
from earshift.runs import settings
found = settings.resolve(json.loads(sys.argv[1]), Path(sys.argv[2]), in_job=True)
print(json.dumps([found, "sklearn" in sys.modules]))
"""


def test_a_job_finds_the_same_without_loading_methods():
    done = subprocess.run(
        [sys.executable, "-c", IN_JOB, json.dumps(minimal()), str(SCHEMA)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")},
        check=True,
        capture_output=True,
        text=True,
    )
    found, has_loaded_methods = json.loads(done.stdout)
    assert found == settings.resolve(minimal(), SCHEMA)
    assert not has_loaded_methods


def test_the_protocol_of_the_study_needs_official_splits_of_two_datasets():
    changes = {"protocols": ["paper", "fixed"], "splits": {"kind": "official"}}
    changes["study"] = "ismir2023"
    config = settings.resolve(minimal(**changes, deviations=True), SCHEMA)
    assert config["protocols"] == ["paper", "fixed"]
    default = settings.resolve(minimal(), SCHEMA)
    assert default["study"] is None
    assert default["protocols"] == ["fixed"]
    assert default["deviations"] is False


def test_the_given_configuration_is_left_as_it_was():
    given = minimal()
    settings.resolve(given, SCHEMA)
    assert given == minimal()


def test_a_path_to_a_plugin_file_is_named_by_its_stem(tmp_path):
    file = tmp_path / "halve.py"
    text = "from earshift.debias import Identity\nversion, access = 1, 'none'\n"
    file.write_text(text + "def make(): return Identity()\n")
    config = settings.resolve(minimal(methods=["none", str(file)]), SCHEMA)
    assert config["methods"]["halve"] == {"plugin": str(file)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metods": []}, "unknown key 'metods'.*Did you mean 'methods'"),
        ({"splits": {"n_fold": 3}}, "'splits.n_fold'.*Did you mean 'n_folds'"),
        ({"splits": {"n_folds": 1}}, "splits.n_folds: 1 is less than the minimum of 2"),
        ({"models": ["musicn"]}, "no plugin 'musicn'.*Did you mean 'musicnn'"),
        ({"models": {"mfcc": {"bands": 3}}}, "'mfcc' has no option 'bands'"),
        ({"models": {"savedmodel": None}}, "needs the option 'weights'"),
        ({"methods": ["none", "ldaa"]}, "no plugin 'ldaa'.*Did you mean 'm?lda'"),
        ({"methods": ["lda"]}, "must hold 'none'"),
        ({"few_labels": {"methods": ["nonne"]}}, "not one of.*Did you mean 'none'"),
        ({"few_labels": {"methods": ["lda"]}}, "must hold 'none': what a correction"),
        (
            {
                "methods": ["none", "shuffle_all"],
                "few_labels": {"methods": ["none", "shuffle_all"]},
            },
            "'shuffle_all' is a control",
        ),
        ({"few_labels": {"numbers": [0]}}, "0 is less than the minimum of 1"),
        ({"decomposition": {"methods": ["nonne"]}}, "not one of.*Did you mean 'none'"),
        ({"decomposition": {"methods": ["lda", "none"]}}, "must begin with 'none'"),
        (
            {
                "methods": ["none", "shuffle_all"],
                "decomposition": {"methods": ["none", "shuffle_all"]},
            },
            "'decomposition: methods': 'shuffle_all' is a control",
        ),
        (
            {"decomposition": {"methods": ["none"], "metric": "auc"}},
            "'decomposition: metric': nothing can be decomposed by the metric 'auc'",
        ),
        ({"decomposition": {"n_labels": -1}}, "-1 is less than the minimum of 0"),
        (
            {"sensitivity": {"conditions": ["gian"]}},
            "'gian' is not one of 'conditions'",
        ),
        ({"sensitivity": {"conditions": ["clean"]}}, "'clean' has no strengths"),
        (
            {
                "conditions": {"gain": {"strengths": [0]}, "clean": None},
                "sensitivity": {"conditions": ["gain"]},
            },
            "'gain' has no strength but 0, which changes nothing",
        ),
        (
            {
                "conditions": {"gain": {"strengths": [6]}, "clean": None},
                "sensitivity": {"conditions": ["gain"], "methods": ["lda"]},
            },
            "'sensitivity: methods' must hold 'none'",
        ),
        (
            {
                "conditions": {"gain": {"strengths": [6]}, "clean": None},
                "sensitivity": {"conditions": ["gain"], "measures": ["mdd"]},
            },
            "'sensitivity: measures': 'mdd' is not one of.*Did you mean 'mmd'",
        ),
        (
            {
                "conditions": {
                    "gain": {"strengths": [6]},
                    "tilt": {"strengths": [3]},
                },
                "sensitivity": {"conditions": ["gain"]},
            },
            "add 'clean' to 'conditions'",
        ),
        (
            {
                "conditions": {"gain": {"strengths": [6]}},
                "sensitivity": {"conditions": ["gain"]},
            },
            "add 'clean' to 'conditions'",
        ),
        ({"datasets": {"a": {"plugin": "table", "folder": "a"}}}, "2 or more datasets"),
        (
            {"datasets": {"a": {"plugin": "tabel", "folder": "a"}}},
            "Did you mean 'table'",
        ),
        ({"datasets": {"a": {"plugin": "table"}}}, "'datasets: a' needs a 'folder'"),
        ({"discrepancy": ["domain_auc"]}, "no plugin 'domain_auc'"),
        ({"max_bad_clips": -1}, "max_bad_clips: -1 is less than the minimum"),
        ({"models": {"mfcc": {"short": "pda"}}}, "Did you mean 'pad'"),
        ({"methods": ["none", {"lda": {"shrinkage": "foo"}}]}, "'auto' or from 0 to 1"),
        ({"methods": ["none", {"mlda": {"min_clips": 1}}]}, "a number from 2 on"),
        ({"models": {"musicnn": {"hop_s": -1}}}, "'models: musicnn': .*hop"),
        ({"methods": ["none", "lda", "lda.py"]}, "two entries called 'lda'"),
        ({"models": {"imported": None}}, "'models: imported'.*needs 'file: <path>'"),
        (
            {"models": {"m": {"plugin": "imported", "file": "no.h5"}}},
            "no file 'no.h5'",
        ),
        (
            {"models": {"m": {"plugin": "imported", "short": "pad"}}},
            "has no option 'short'",
        ),
        ({"models": {"mfcc": {"audio": False}}}, "'mfcc' has no option 'audio'"),
        ({"datasets": silent("irmas_test")}, "'irmas_test' are known by their audio"),
        ({"datasets": silent("openmic")}, "needs a 'folder'"),
        ({"datasets": silent("irmas")}, "'mfcc' needs audio, and the dataset 'a' has"),
        (
            {"datasets": silent("irmas", "no")},
            "a.audio must be true or false, got 'no'",
        ),
        ({"protocols": ["papers"]}, "no protocol 'papers'.*Did you mean 'paper'"),
        ({"protocols": ["fixd"]}, "no protocol 'fixd'.*Did you mean 'fixed'"),
        ({"protocols": [1]}, "protocols.0 must be a text, got 1"),
        (
            {"protocols": ["paper"]},
            "'paper' is of the study 'ismir2023': add 'study: ismir2023' to the config",
        ),
        ({"study": "ismir203"}, "'study': no plugin 'ismir203'.*mean 'ismir2023'"),
        ({"study": "my.py"}, "'study': the studies plugin file 'my.py' does not exist"),
        ({"splits": {"balance": "jonit"}}, "no way to draw 'jonit'.*mean 'joint'"),
        ({"splits": {"balance": "papr"}}, "no way to draw 'papr'.*mean 'paper'"),
        ({"protocols": []}, "protocols: .* is too short|protocols: .*non-empty"),
        ({"protocol": "fixed"}, "unknown key 'protocol'.*Did you mean 'protocols'"),
        (
            {"study": "ismir2023", "protocols": ["fixed", "paper"]},
            "'paper' trains and tests on the datasets' own splits, got 'kind: grouped'",
        ),
        (
            {
                "study": "ismir2023",
                "protocols": ["paper"],
                "splits": {"kind": "official"},
                "datasets": {n: {"plugin": "table", "folder": n} for n in "abc"},
            },
            r"'paper' compares 2 datasets, got 3 \(a, b, c\)",
        ),
        (
            {"study": "ismir2023", "deviations": True},
            r"not among the protocols \(fixed\)",
        ),
        (
            {"deviations": True},
            r"there is no 'study': set 'study' to one that has some \(.*ismir2023",
        ),
        ({"results": ""}, "results"),
        ({"conditions": ["clean", "gian"]}, "no plugin 'gian'.*Did you mean 'gain'"),
        (
            {"conditions": {"gain": {"strenths": [6]}}},
            "'conditions: gain': .*no option 'strenths'.*Did you mean 'strengths'",
        ),
        ({"conditions": {"gain": {"strengths": [6], "slope": 1}}}, "option 'slope'"),
        ({"conditions": ["gain"]}, "'strengths' must be a list of one or more"),
        ({"conditions": {"gain": {"strengths": ["loud"]}}}, "a number, got 'loud'"),
        ({"conditions": {"clean": {"strengths": [6]}}}, "takes no 'strengths'"),
        ({"conditions": {}}, "conditions: .*non-empty"),
        ({"datasets": 3}, "'datasets' must be a list or a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(changes, message):
    with pytest.raises(ConfigError, match=message):
        settings.resolve(minimal(**changes), SCHEMA)


def test_an_imported_model_needs_a_file_for_every_dataset(tmp_path):
    file = tmp_path / "v.csv"
    file.touch()

    def models(*names):
        files = dict.fromkeys(names, str(file))
        return {"m": {"plugin": "imported", "files": files}}

    datasets = silent("irmas")
    config = settings.resolve(
        minimal(datasets=datasets, models=models("irmas", "b")), SCHEMA
    )
    assert config["datasets"]["a"]["folder"] == "."  # nothing is read from it
    with pytest.raises(ConfigError, match=r"no file for the dataset 'b' \(known: a"):
        settings.resolve(minimal(models=models("a")), SCHEMA)
    with pytest.raises(ConfigError, match="'models: m: files': 'c' is no dataset"):
        settings.resolve(minimal(models=models("a", "b", "c")), SCHEMA)


def test_imported_embeddings_have_no_audio_to_change(tmp_path):
    file = tmp_path / "v.csv"
    file.touch()
    models = {"mfcc": None, "m": {"plugin": "imported", "file": str(file)}}
    settings.resolve(minimal(models=models, conditions=["clean"]), SCHEMA)
    changed = {"clean": None, "gain": {"strengths": [6]}}
    with pytest.raises(ConfigError, match=r"'gain' changes audio.*'m' are imported"):
        settings.resolve(minimal(models=models, conditions=changed), SCHEMA)


def test_every_key_of_the_schema_says_what_it_means():
    import yaml

    def leaves(rules, path=""):
        for key, rule in rules.get("properties", {}).items():
            if "properties" in rule:
                yield from leaves(rule, f"{path}{key}.")
            else:
                yield path + key, rule

    silent = [
        name
        for name, rule in leaves(yaml.safe_load(SCHEMA.read_text()))
        if "description" not in rule
    ]
    assert silent == []


@pytest.mark.parametrize("wrong", ["free sound", "", 5, None, ["freesound"], "a/b"])
def test_what_names_of_recordings_are_is_one_word(wrong):
    config = minimal()
    config["datasets"]["a"]["recordings"] = wrong
    with pytest.raises(ConfigError, match=r"datasets\.a\.recordings"):
        settings.resolve(config, SCHEMA)


def test_any_dataset_may_say_what_its_names_of_recordings_are():
    config = minimal()
    config["datasets"]["a"]["recordings"] = "freesound"
    config["datasets"]["c"] = {"plugin": "esc50", "folder": "c"}
    config["datasets"]["d"] = {"plugin": "esc50", "folder": "d", "recordings": "own"}
    found = settings.resolve(config, SCHEMA)["datasets"]
    spaces = {name: datasets.namespace(entry) for name, entry in found.items()}
    assert spaces == {"a": "freesound", "b": None, "c": "freesound", "d": "own"}
    assert datasets.options(found["a"]) == {}


def table(**options):
    other = {"plugin": "table", "folder": "b"}
    return {"a": {"plugin": "table", "folder": "a"} | options, "b": other}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datasets": table(folder=2024)}, "a.folder must be a text .* '2024'"),
        (
            {"datasets": table(table=None)},
            "'datasets: a': table must be a text, and is",
        ),
        ({"datasets": table(label_column=1)}, "label_column must be a text, got 1"),
        ({"datasets": table(**{"1": 2})}, "'table' has no option '1'"),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
        ({"splits": {"n_folds": "three"}}, "n_folds must be a whole number, got 'th"),
        ({"splits": None}, "splits must be a mapping, and is empty"),
        ({"statistics": {"rope": float("nan")}}, "rope must be a finite number"),
        (
            {"methods": ["none", {"k": {"seed": 1.5}}]},
            "'methods: k': seed must be a wh",
        ),
        ({"models": {"yamnet": {"weights": 3}}}, "'models: yamnet': weights must be"),
        ({"models": [{"m": None}, {"m": None}]}, "'models' has two entries called 'm'"),
        ({"results": 2024}, "results must be a text, got 2024: put it in quotes"),
        ({"results": "r/{x}"}, "'results': the path 'r/{x}' has a brace"),
        ({"datasets": table(folder="a{x}b")}, "'datasets: a': the path 'a{x}b' has a"),
        ({"datasets": table(table="{x}.csv")}, "'datasets: a': the path 'a/{x}.csv'"),
        ({"store": {"address": "s3://{x}"}}, "'store: address': the path 's3://{x}'"),
        ({"downloads": {"mirror": "m{"}}, "'downloads: mirror': the path 'm{' has a"),
        ({"alignment": "{x}.yaml"}, "'alignment': the path '{x}.yaml' has a brace"),
        ({"results": __file__}, "'results': '.*' is a file. Name a folder"),
        ({"results": "~no-such-user/x"}, "the path '~no-such-user/x'"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message.replace("{", r"\{")):
        settings.resolve(minimal(**changes), SCHEMA)
    with pytest.raises(ConfigError, match="must be a mapping of settings, got None"):
        settings.resolve(None, SCHEMA)


def test_numbers_become_those_that_are_asked_for_in_every_section():
    """As Snakemake gives what is set on the command line, and YAML 1e-3."""
    changes = {
        "seed": 1.0,
        "splits": {"n_folds": "3", "n_repeats": 2.0},
        "statistics": {"rope": "1e-3"},
        "downloads": {"offline": "true"},
        "datasets": table(audio="true", label_column="1"),
        "methods": {"none": None, "k": {"n_components": "8", "seed": 2.0}},
        "models": {"random_openl3": {"embedding_size": "6144", "short": "skip"}},
    }
    config = settings.resolve(minimal(**changes), SCHEMA)
    assert repr(config["seed"]) == "1"
    assert [repr(config["splits"][k]) for k in ("n_folds", "n_repeats")] == ["3", "2"]
    assert config["statistics"]["rope"] == 0.001
    assert config["downloads"]["offline"] is True
    assert config["datasets"]["a"]["audio"] is True
    assert config["datasets"]["a"]["label_column"] == "1"
    assert config["methods"]["k"] == {"plugin": "k", "n_components": 8, "seed": 2}
    assert repr(config["methods"]["k"]["seed"]) == "2"
    assert config["models"]["random_openl3"]["embedding_size"] == 6144
    assert config["models"]["random_openl3"]["short"] == "skip"


def test_a_job_has_the_options_that_the_run_checked():
    """What a job knows must not differ from what decided that it runs."""
    methods = {"none": None, "klda": {"n_components": 4.0, "seed": "7"}}
    known, again = (
        settings.resolve(minimal(methods=methods), SCHEMA, in_job=in_job)["methods"]
        for in_job in (False, True)
    )
    assert repr(again) == repr(known)
    assert [repr(again["klda"][k]) for k in ("n_components", "seed")] == ["4", "7"]


def test_the_home_folder_stands_for_a_tilde_in_every_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    changes = {
        "results": "~/res",
        "store": {"address": "~/stores"},
        "downloads": {"mirror": "~/mirror"},
        "datasets": table(folder="~/a"),
        "classes": ["~x", "a~/b"],
    }
    config = settings.resolve(minimal(**changes), SCHEMA)
    assert config["results"] == "/home/me/res"
    assert config["store"]["address"] == "/home/me/stores"
    assert config["downloads"]["mirror"] == "/home/me/mirror"
    assert config["datasets"]["a"]["folder"] == "/home/me/a"
    assert config["classes"] == ["~x", "a~/b"]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("config.yaml", "results"),
        ("mine.yaml", "results_mine"),
        ("tables.yaml", "results_tables"),
        ("a/config.yaml", "results_a+config"),
        ("mine.yml", "results_mine.yml"),
        ("a_mine.yaml", "results_a_mine"),
        ("a+mine.yaml", "results_a++mine"),
        ("a/mine.yaml", "results_a+mine"),
        ("/data/x/mine.yaml", "results_data+x+mine"),
    ],
)
def test_each_experiment_file_has_results_of_its_own(
    tmp_path, monkeypatch, file, expected
):
    monkeypatch.chdir(tmp_path)
    assert settings.results_of({}, Path(file)) == expected
    assert settings.results_of({}, tmp_path / file) == expected
    found = settings.resolve(minimal(), SCHEMA, experiment=Path(file))
    assert found["results"] == expected
    given = {"results": "./there//x"}
    assert settings.results_of(given, Path(file)) == "there/x"
    found = settings.resolve(minimal(**given), SCHEMA, experiment=Path(file))
    assert found["results"] == "there/x"
