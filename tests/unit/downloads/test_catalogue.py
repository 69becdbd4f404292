import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from earshift import registry
from earshift.downloads import catalogue
from earshift.downloads.verification import identify
from earshift.errors import ConfigError, DataError
from earshift.runs import settings
from tests.helpers.places import ROOT

WHOLE = {
    "address": "https://example.org/a.h5",
    "licence": "CC BY 4.0",
    "citation": "Nobody (2026)",
    "size_bytes": 12,
    "checksums": {"md5": "0" * 31 + "a"},
}


def read(tmp_path, facts, name="a.h5"):
    path = tmp_path / "register.yaml"
    path.write_text(yaml.safe_dump({name: facts}))
    return catalogue.read(path)


def without(key):
    return {k: v for k, v in WHOLE.items() if k != key}


def test_an_entry_holds_what_the_file_says(tmp_path):
    entry = read(tmp_path, WHOLE)["a.h5"]
    assert entry == catalogue.Entry(name="a.h5", **WHOLE)


def test_size_and_checksums_may_be_unknown(tmp_path):
    facts = without("size_bytes")
    del facts["checksums"]
    entry = read(tmp_path, facts)["a.h5"]
    assert entry.size_bytes is None
    assert entry.checksums == {}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (WHOLE | {"licence_": "MIT"}, "a.h5: unknown key 'licence_'.*mean 'licence'"),
        (without("licence"), "a.h5: 'licence' must be a text, got None"),
        (without("citation"), "a.h5: 'citation' must be a text"),
        (WHOLE | {"address": " "}, "a.h5: 'address' must be a text"),
        (WHOLE | {"address": "ftp://a/b"}, "'address' must start with one of http"),
        (WHOLE | {"size_bytes": "12"}, "'size_bytes' must be a whole number.*'12'"),
        (WHOLE | {"size_bytes": True}, "'size_bytes' must be a whole number"),
        (WHOLE | {"size_bytes": 0}, "'size_bytes' must be a whole number from 1"),
        (WHOLE | {"checksums": "abc"}, "a.h5: 'checksums' must map sha256"),
        (WHOLE | {"checksums": {"sha1": "0" * 40}}, "kind 'sha1'.*mean 'git_sha1'"),
        (WHOLE | {"checksums": {"md5": "0" * 30 + "xy"}}, "'md5' must be 32 lower"),
        (WHOLE | {"checksums": {"md5": "a" * 64}}, "'md5' must be 32 lower"),
        (WHOLE | {"checksums": {"md5": 12}}, "in quotation marks.*got 12"),
        (None, "a.h5: needs the keys address, licence, citation"),
    ],
)
def test_a_mistake_is_named_with_its_entry_and_key(tmp_path, facts, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, facts)


def test_a_name_is_no_path_and_a_register_no_list(tmp_path):
    with pytest.raises(ConfigError, match="not a path"):
        read(tmp_path, WHOLE, name="../a.h5")
    (tmp_path / "list.yaml").write_text("- a.h5\n")
    with pytest.raises(ConfigError, match="maps names of files"):
        catalogue.read(tmp_path / "list.yaml")


def test_the_register_of_weights_names_every_published_file():
    found = catalogue.weights()
    kinds = [
        f"openl3_audio_{spectrum}_{content}-v0_4_0.h5.gz"
        for spectrum in ("linear", "mel128", "mel256")
        for content in ("music", "env")
    ]
    assert set(found) == {
        *("vggish_model.ckpt", "vggish_pca_params.npz", "yamnet.h5", *kinds)
    }
    assert found["vggish_pca_params.npz"].size_bytes == 73020
    assert found["yamnet.h5"].size_bytes == 15296092
    assert all(found[name].licence == "CC BY 4.0" for name in kinds)
    for name, entry in found.items():
        assert re.fullmatch(r"https://\S+/" + re.escape(name), entry.address)


def test_weights_lie_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("EARSHIFT_WEIGHTS", raising=False)
    assert catalogue.weights_folder() == Path("resources/downloads/weights")
    monkeypatch.setenv("EARSHIFT_WEIGHTS", str(tmp_path))
    assert catalogue.weights_folder() == tmp_path


def test_downloads_are_set_in_the_config():
    schema = ROOT / "workflow" / "schemas" / "config.schema.yaml"
    data = {name: {"plugin": "table", "folder": name} for name in ("a", "b")}
    given = {"datasets": data, "models": ["mfcc"]}
    default = {"offline": False, "mirror": None, "register": None}
    assert settings.resolve(given, schema)["downloads"] == default
    given["downloads"] = {"mirror": "/weights"}
    assert settings.resolve(given, schema)["downloads"]["mirror"] == "/weights"
    given["downloads"] = {"mirror_": "/weights"}
    with pytest.raises(ConfigError, match=r"'downloads\.mirror_'.*mean 'mirror'"):
        settings.resolve(given, schema)


def test_an_installed_library_brings_the_register(tmp_path):
    build = (
        "import sys; from hatchling.builders.wheel import WheelBuilder;"
        "print(list(WheelBuilder(sys.argv[1]).build(directory=sys.argv[2]))[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", build, str(ROOT), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    with zipfile.ZipFile(done.stdout.split()[-1]) as wheel:
        wheel.extractall(tmp_path / "installed")
    code = (
        "from earshift.downloads import catalogue; print(catalogue.__file__);"
        "print(*catalogue.weights(), *catalogue.datasets())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "installed")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    ).stdout.split()
    assert found[0] == str(
        tmp_path / "installed" / "earshift" / "downloads" / "catalogue.py"
    )
    assert found[1:] == [*catalogue.weights(), *catalogue.datasets()]


def test_a_file_under_any_name_is_known_by_its_content(tmp_path, monkeypatch):
    content = b"the weights"
    facts = {"address": "https://example.org/w.h5", "licence": "x", "citation": "y"}
    entries = {
        "w.h5": facts | {"checksums": {"md5": hashlib.md5(content).hexdigest()}},
        "unknown.h5": facts,
    }
    (tmp_path / "register.yaml").write_text(yaml.safe_dump(entries))
    known = catalogue.read(tmp_path / "register.yaml")
    monkeypatch.setattr(catalogue, "weights", lambda: known)
    (tmp_path / "copy.bin").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    assert identify(tmp_path / "copy.bin") == (sha256, "w.h5")
    (tmp_path / "copy.bin").write_bytes(content + b".")
    assert identify(tmp_path / "copy.bin")[1] is None


# Datasets


OF_DATASET = WHOLE | {"dataset": "birds", "strip": "birds-1.0"}


def read_datasets(tmp_path, facts, name="a.zip"):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({name: facts}))
    return catalogue.read(path, of_datasets=True)


def test_an_entry_of_a_dataset_says_which(tmp_path):
    found = read_datasets(tmp_path, OF_DATASET)["a.zip"]
    assert found == catalogue.Entry(name="a.zip", **OF_DATASET)
    assert read(tmp_path, WHOLE)["a.h5"].dataset is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": None}, "a.zip: 'dataset' must be a text"),
        ({"dataset": "../birds"}, "'dataset' must be the name of one folder"),
        ({"dataset": "archives"}, "'dataset' must be.*not 'archives'"),
        ({"strip": "a/b"}, "'strip' must be the name of one folder"),
        ({"strip": ".."}, "'strip' must be the name of one folder"),
        ({"strip": 2018}, "'strip' must be the name of one folder.*got 2018"),
        ({"stripp": "a"}, "unknown key 'stripp'.*mean 'strip'"),
    ],
)
def test_a_mistake_in_an_entry_of_a_dataset_is_named(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        read_datasets(tmp_path, OF_DATASET | changes)


def test_weights_are_of_no_dataset(tmp_path):
    with pytest.raises(ConfigError, match="unknown key 'dataset'"):
        read(tmp_path, WHOLE | {"dataset": "birds"})


@pytest.mark.parametrize("text", [None, "{", "a: [\n"])
def test_a_register_that_cannot_be_read_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(
        ConfigError, match=r"the register '.*mine\.yaml' cannot be read"
    ):
        catalogue.datasets(str(tmp_path / "mine.yaml"))


def test_the_register_of_datasets_names_every_published_file():
    found = catalogue.datasets()
    numbers = {dataset: 0 for dataset in ("irmas", "irmas_test", "openmic")}
    for name, entry in found.items():
        assert re.match(r"https?://", entry.address)
        assert entry.address.endswith(f"/{name.removeprefix('ESC-50-')}")
        assert Path(name).name == name
        assert {"md5", "sha256"} & entry.checksums.keys(), name
        assert entry.licence
        assert entry.citation
        numbers[entry.dataset] = numbers.get(entry.dataset, 0) + 1
    assert numbers == {
        "irmas": 1,
        "irmas_test": 3,
        "openmic": 1,
        "esc50": 1,
        "urbansound8k": 1,
        "tut_acoustic_scenes_2017": 13 + 6,
        "gtzan": 1,
        "ravdess": 1,
        "medley_solos_db": 2,
    }
    digits = [digit for e in found.values() for digit in e.checksums.values()]
    assert len(digits) == len(set(digits))
    assert len({entry.address for entry in found.values()}) == len(found)
    # A name that is there twice would hide one entry.
    text = (ROOT / "resources" / "datasets.yaml").read_text()
    assert len(re.findall(r"^\S+:$", text, re.MULTILINE)) == len(found)
    assert not found.keys() & catalogue.weights().keys()


def test_datasets_of_the_register_have_a_plugin():
    known = set(registry.names("datasets"))
    assert {"irmas", "irmas_test", "openmic"} <= known
    for name in ("irmas", "irmas_test", "openmic"):
        assert catalogue.archives(name)
    assert catalogue.archives("table") == ()


def test_datasets_lie_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.delenv("EARSHIFT_DATASETS", raising=False)
    assert catalogue.datasets_folder() == Path("resources/downloads/datasets")
    monkeypatch.setenv("EARSHIFT_DATASETS", str(tmp_path))
    assert catalogue.folder_of("any", "irmas") == tmp_path / "irmas"
    assert catalogue.folder_of("irmas", "table") is None
    assert catalogue.folder_of("any", "/some/plugin.py") is None
    assert catalogue.dataset_folders()[tmp_path / "irmas"] == catalogue.archives(
        "irmas"
    )


def test_a_register_of_ones_own_adds_and_replaces(tmp_path, monkeypatch):
    monkeypatch.setenv("EARSHIFT_DATASETS", str(tmp_path))
    ours = catalogue.datasets()
    content = {
        "birds.zip": OF_DATASET,
        "IRMAS-TrainingData.zip": OF_DATASET | {"dataset": "irmas"},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    own = str(tmp_path / "mine.yaml")
    assert set(catalogue.datasets(own)) == {*ours, "birds.zip"}
    (replaced,) = catalogue.archives("irmas", own)
    assert replaced.address == WHOLE["address"]
    # In it, a dataset may be named as in the config, whatever its plugin is.
    assert catalogue.folder_of("birds", "table", own) == tmp_path / "birds"
    assert catalogue.folder_of("mine", "table", own) is None
    assert catalogue.folder_of("mine", "openmic", own) == tmp_path / "openmic"
    assert catalogue.archives("irmas") != (replaced,)


def test_a_dataset_without_a_folder_is_fetched_where_it_can_be(tmp_path, monkeypatch):
    monkeypatch.setenv("EARSHIFT_DATASETS", str(tmp_path / "data"))
    schema = ROOT / "workflow" / "schemas" / "config.schema.yaml"
    entries = {"a": {"plugin": "irmas"}, "openmic": {"folder": str(tmp_path)}}
    given = {"datasets": entries, "models": ["mfcc"]}
    config = settings.resolve(given, schema)
    assert config["datasets"]["a"]["folder"] == str(tmp_path / "data" / "irmas")
    assert config["datasets"]["openmic"]["folder"] == str(tmp_path)
    settings.check_folders(config, made=Path("resources/miniature"))
    given["datasets"] = {"a": {"plugin": "table"}, "openmic": None}
    with pytest.raises(ConfigError, match=r"needs a 'folder'.*no registered files"):
        settings.resolve(given, schema)
    config["datasets"]["a"]["folder"] = str(tmp_path / "data" / "irmsa")
    with pytest.raises(DataError, match="irmsa' does not exist"):
        settings.check_folders(config, made=Path("resources/miniature"))
