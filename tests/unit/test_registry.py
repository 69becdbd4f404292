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
