import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from earshift import datasets, settings
from earshift.errors import ConfigError

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"


def minimal(**changes):
    config = {
        "datasets": {
            "a": {"plugin": "table", "folder": "a"},
            "b": {"plugin": "table", "folder": "b"},
        },
        "models": ["mfcc"],
    }
    return config | changes


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
        "n_repeats": 1,
        "balance": "none",
    }
    assert config["models"] == {"mfcc": {"plugin": "mfcc"}}
    assert list(config["methods"]) == ["none", "lda", "mlda", "mean_projection"]


IN_JOB = """
import json, sys
from pathlib import Path
from earshift import settings
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
    config = settings.resolve(minimal(**changes, deviations=True), SCHEMA)
    assert config["protocols"] == ["paper", "fixed"]
    default = settings.resolve(minimal(), SCHEMA)
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
        ({"protocols": ["papers"]}, "protocols.0: 'papers' is not one of"),
        ({"protocols": []}, "protocols: .* is too short|protocols: .*non-empty"),
        ({"protocol": "fixed"}, "unknown key 'protocol'.*Did you mean 'protocols'"),
        (
            {"protocols": ["fixed", "paper"]},
            "'paper' trains and tests on the datasets' own splits, got 'kind: grouped'",
        ),
        (
            {
                "protocols": ["paper"],
                "splits": {"kind": "official"},
                "datasets": {n: {"plugin": "table", "folder": n} for n in "abc"},
            },
            r"'paper' compares 2 datasets, got 3 \(a, b, c\)",
        ),
        ({"deviations": True}, r"not among the protocols \(fixed\)"),
        ({"results": ""}, "results"),
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
