import os
import sys

import pytest

from earshift import registry
from earshift.errors import ConfigError


def test_a_file_in_the_folder_is_a_plugin_and_a_helper_is_not():
    assert "lda" in registry.names("debias")
    assert not any(name.startswith("_") for name in registry.names("debias"))


def test_a_wrong_name_gets_the_nearest_right_one():
    with pytest.raises(ConfigError, match="Did you mean 'mlda'"):
        registry.load("debias", "mlda2")


def test_a_users_own_file_is_a_plugin(tmp_path):
    file = tmp_path / "halve.py"
    file.write_text("version = 3\naccess = 'none'\ndef make(): return 'made'\n")
    assert registry.load("debias", str(file)).make() == "made"
    assert registry.load("debias", str(file)) is registry.load("debias", str(file))


def test_a_users_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"halve\.py' does not exist"):
        registry.load("debias", str(tmp_path / "halve.py"))


def test_a_plugin_without_its_function_is_refused(tmp_path):
    file = tmp_path / "empty.py"
    file.write_text("version = 1\n")
    with pytest.raises(ConfigError, match="does not define 'make'"):
        registry.load("debias", str(file))


def test_a_method_must_say_what_it_may_see(tmp_path):
    file = tmp_path / "m.py"
    file.write_text("version = 1\ndef make(): return None\n")
    with pytest.raises(ConfigError, match="does not define 'access'"):
        registry.load("debias", str(file))
    file = tmp_path / "n.py"
    file.write_text("version = 1\naccess = 'all'\ndef make(): return None\n")
    with pytest.raises(ConfigError, match="access 'all'"):
        registry.load("debias", str(file))


def test_an_unknown_option_gets_the_nearest_right_one():
    with pytest.raises(ConfigError, match="Did you mean 'shrinkage'"):
        registry.check_options("debias", "lda", {"shrinkge": 0.1})


def test_an_option_without_default_is_demanded():
    with pytest.raises(ConfigError, match="needs the option 'weights'"):
        registry.check_options("models", "savedmodel", {})


def test_a_plugin_that_stands_for_many_needs_its_argument(tmp_path):
    assert "mirdata" not in registry.names("datasets")
    with pytest.raises(ConfigError, match="needs an argument: write 'mirdata:<arg"):
        registry.load("datasets", "mirdata")
    with pytest.raises(ConfigError, match="takes no argument: write 'esc50'"):
        registry.load("datasets", "esc50:esc10")
    with pytest.raises(
        ConfigError, match=r"no plugin 'mirdta'.*Did you mean 'mirdata'"
    ):
        registry.load("datasets", "mirdta:irmas")
    file = tmp_path / "root.py"
    file.write_text(
        "from types import SimpleNamespace\n"
        "def of(argument):\n"
        "    return SimpleNamespace(version=1, access='none', make=lambda: argument)\n"
    )
    assert registry.load("debias", f"{file}:half").make() == "half"


PLUGIN = "version, access = 3, 'none'\n"


def write(folder, text, name="method", **others):
    """A plugin of a folder of its own, with modules beside it; its path."""
    folder.mkdir(exist_ok=True)
    for other, content in others.items():
        (folder / f"{other}.py").write_text(content)
    file = folder / f"{name}.py"
    file.write_text(PLUGIN + text)
    return str(file)


def made(path):
    return registry.load("debias", path).make()


def test_a_plugin_of_the_library_has_a_number_and_a_users_own_a_hash_too(tmp_path):
    assert (
        registry.version_of("debias", "lda") == registry.load("debias", "lda").version
    )
    path = write(tmp_path, "def make(): return 1\n")
    before = registry.version_of("debias", path)
    assert before.startswith("3+")
    assert registry.version_of("debias", path) == before
    write(tmp_path, "def make(): return 2\n")
    assert registry.version_of("debias", path) != before


def test_an_edited_file_is_not_taken_for_the_one_before(tmp_path):
    path = write(tmp_path, "def make(): return 1\n")
    times = (1_700_000_000_000_000_000,) * 2
    os.utime(path, ns=times)
    assert made(path) == 1
    write(tmp_path, "def make(): return 2\n")
    os.utime(path, ns=times)  # of the same size and time
    assert made(path) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "import helper",
        "from . import helper",
        "import helper as other; helper = other",
        "from helper import value\nclass helper: value = staticmethod(value)",
    ],
)
def test_modules_beside_a_plugin_are_its_own_and_count(tmp_path, statement):
    text = f"{statement}\ndef make(): return helper.value()\n"
    versions = []
    for name in ("a", "b", "a"):
        deep = f"NAME = '{name}{len(versions)}'\n"
        path = write(
            tmp_path / name,
            text,
            helper="def value():\n    import deep\n    return deep.NAME\n",
            deep=deep,
        )
        assert made(path) == f"{name}{len(versions)}"
        versions.append(registry.version_of("debias", path))
    assert len(set(versions)) == 3
    assert not {"helper", "deep"} & set(sys.modules)


def test_a_module_that_is_not_imported_does_not_count(tmp_path):
    path = write(tmp_path, "import helper\ndef make(): pass\n", helper="", other="")
    before = registry.version_of("debias", path)
    (tmp_path / "other.py").write_text("x = 1\n")
    assert registry.version_of("debias", path) == before


def test_a_package_beside_a_plugin_counts_as_a_whole(tmp_path):
    (tmp_path / "own" / "inner").mkdir(parents=True)
    (tmp_path / "own" / "__init__.py").write_text("")
    (tmp_path / "own" / "inner" / "__init__.py").write_text("from ..deep import x\n")
    (tmp_path / "own" / "deep.py").write_text("x = 1\n")
    path = write(tmp_path, "import own.inner\ndef make(): return own.inner.x\n")
    before = registry.version_of("debias", path)
    assert made(path) == 1
    (tmp_path / "own" / "deep.py").write_text("x = 2\n")
    assert made(path) == 2
    assert registry.version_of("debias", path) != before


def test_a_plugin_may_have_the_name_of_what_it_imports(tmp_path):
    path = write(tmp_path, "import json\ndef make(): return json.dumps(1)\n", "json")
    assert made(path) == "1"


@pytest.mark.parametrize("text", ["def make(:\n", "import no_such_module_at_all\n"])
def test_a_plugin_that_cannot_be_imported_is_named(tmp_path, text):
    path = write(tmp_path, text)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"method\.py' cannot be imported: \w+Er"):
            registry.load("debias", path)
