"""Who may import whom, and that each thing outside is called in one place."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.helpers.places import LIBRARY, ROOT, SCRIPTS

FILES = sorted(LIBRARY.rglob("*.py"))


def rooms_with(pattern):
    """The rooms of the library in which a line matches a pattern."""
    search = re.compile(pattern, re.MULTILINE).search
    return {f.relative_to(LIBRARY).parts[0] for f in FILES if search(f.read_text())}


def test_rooms_import_only_from_lower_floors():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(linter), "--no-cache"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"Contracts: [2-9] kept, 0 broken", done.stdout), done.stdout


def test_only_the_store_opens_zarr():
    assert rooms_with(r"^\s*(?:import|from) zarr") == {"store"}


def test_only_workers_start_dask():
    assert rooms_with(r"^\s*(?:import|from) (?:distributed|dask_jobqueue)") == {
        "workers"
    }


def test_only_slurm_calls_slurm():
    call = r'["\']s(?:batch|queue|cancel|acct|acctmgr|control|info|run)["\'] *,'
    assert rooms_with(call) == {"slurm"}


def test_only_the_list_of_paths_says_where_results_lie():
    """Of the folders of stages."""
    is_path = re.compile(r"[1-8]_[a-z]+(?:/\S*)?").fullmatch
    spelled = [
        (str(file.relative_to(LIBRARY)), node.value)
        for file in FILES
        if file != LIBRARY / "layout.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and is_path(str(node.value))
    ]
    own = {"studies/ismir2023/layout.py"}  # what the study adds
    assert {(f, v) for f, v in spelled if f not in own} == set()
    rules = [*(ROOT / "workflow" / "rules").glob("*.smk"), ROOT / "Snakefile"]
    stage = re.compile(r"\{RESULTS\}/(?!\{)")
    assert [file.name for file in rules if stage.search(file.read_text())] == []


def test_no_helper_of_a_room_is_imported_elsewhere():
    """What begins with an underscore belongs to its folder."""
    broken = []
    for file in FILES:
        room = ".".join(file.relative_to(SCRIPTS).parent.parts)
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            if not str(node.module).startswith("earshift"):
                continue
            for name in node.names:
                *package, last = f"{node.module}.{name.name}".split(".")
                private = [i for i, part in enumerate(package) if part[:1] == "_"]
                if last[:1] == "_" and last[:2] != "__":
                    private.append(len(package))
                if private and ".".join(package[: private[0]]) != room:
                    broken.append(f"{room}: {node.module}.{name.name}")
    assert broken == []


def test_every_room_says_what_it_is_for():
    for folder in {f.parent for f in FILES}:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        assert text, folder


def test_no_test_imports_a_test():
    """What several share lies in `tests/helpers`, fixtures in a conftest."""
    found = []
    for file in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name in node.names:
                    path = f"{getattr(node, 'module', '')}.{name.name}"
                    if re.search(r"(^|\.)(test_|conftest$|conftest\.)", path):
                        found.append(f"{file.relative_to(ROOT)}: {path}")
    assert found == []


def test_tests_look_into_no_module():
    """They use what is public; helper modules of a folder are tested as they are."""
    found = []
    for file in sorted((ROOT / "tests").rglob("*.py")):
        tree = ast.parse(file.read_text())
        ours = {
            name.asname or name.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module.startswith("earshift")
            for name in node.names
        }
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=owner), attr=name):
                    private = owner in ours and re.match("_[^_]", name)
                case ast.Constant(value=str(name)):
                    private = re.fullmatch(r"earshift[\w.]*\._\w+[\w.]*", name)
                case _:
                    continue
            if private:
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}: {name}")
    assert found == []
