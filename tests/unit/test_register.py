import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from earshift import register, settings
from earshift.errors import ConfigError
from earshift.verification import identify

ROOT = Path(__file__).parents[2]

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
    return register.read(path)


def without(key):
    return {k: v for k, v in WHOLE.items() if k != key}


def test_an_entry_holds_what_the_file_says(tmp_path):
    entry = read(tmp_path, WHOLE)["a.h5"]
    assert entry == register.Entry(name="a.h5", **WHOLE)


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
        register.read(tmp_path / "list.yaml")


def test_the_register_of_weights_names_every_published_file():
    found = register.weights()
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
    assert register.weights_folder() == Path("resources/downloads/weights")
    monkeypatch.setenv("EARSHIFT_WEIGHTS", str(tmp_path))
    assert register.weights_folder() == tmp_path


def test_downloads_are_set_in_the_config():
    schema = ROOT / "workflow" / "schemas" / "config.schema.yaml"
    data = {name: {"plugin": "table", "folder": name} for name in ("a", "b")}
    given = {"datasets": data, "models": ["mfcc"]}
    default = {"offline": False, "mirror": None}
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
        timeout=60,
        check=True,
    )
    with zipfile.ZipFile(done.stdout.split()[-1]) as wheel:
        wheel.extractall(tmp_path / "installed")
    code = (
        "from earshift import register; print(register.__file__);"
        "print(*register.weights())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "installed")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert found[0] == str(tmp_path / "installed" / "earshift" / "register.py")
    assert found[1:] == list(register.weights())


def test_a_file_under_any_name_is_known_by_its_content(tmp_path, monkeypatch):
    content = b"the weights"
    facts = {"address": "https://example.org/w.h5", "licence": "x", "citation": "y"}
    entries = {
        "w.h5": facts | {"checksums": {"md5": hashlib.md5(content).hexdigest()}},
        "unknown.h5": facts,
    }
    (tmp_path / "register.yaml").write_text(yaml.safe_dump(entries))
    known = register.read(tmp_path / "register.yaml")
    monkeypatch.setattr(register, "weights", lambda: known)
    (tmp_path / "copy.bin").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    assert identify(tmp_path / "copy.bin") == (sha256, "w.h5")
    (tmp_path / "copy.bin").write_bytes(content + b".")
    assert identify(tmp_path / "copy.bin")[1] is None
