"""Plugins that are files of a user: import them and what they import beside them.

Each becomes a module of a package of its own, whose name has a hash of their contents.
Two plugins therefore never share a module that only happens to have the same name, an
edited file is never taken for the one before, and a version can tell the two apart.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from earshift.errors import ConfigError

log = logging.getLogger(__name__)

#: Start of the names of the packages.
PREFIX = "earshift_user_"

#: Names that never mean a file beside a plugin.
_OTHERS = {"earshift", "__future__", *sys.builtin_module_names}


def load(kind: str, file: Path) -> ModuleType:
    """Import a plugin file; the same contents are imported once.

    Parameters
    ----------
    kind : str
        Kind of plugin, for messages.
    file : Path
        The file. It may import modules and packages of its own folder, as
        ``import helper`` or ``from . import helper``.

    Returns
    -------
    module
        The plugin.

    Raises
    ------
    ConfigError
        If there is no such file, or it cannot be imported.
    """
    if not file.is_file():
        raise ConfigError(
            f"the {kind} plugin file '{file}' does not exist (looked for "
            f"{file.resolve()}). Paths in the config are relative to the working "
            "directory."
        )
    file = file.resolve()
    package = _package(kind, file)
    name = _module(package, file)
    return sys.modules[name] if name in sys.modules else _run(kind, package, file)


@contextmanager
def copied(kind: str, file: Path) -> Iterator[ModuleType]:
    """Import a plugin file and all that is its own once more, for a while.

    Parameters
    ----------
    kind, file
        As for `load`.

    Yields
    ------
    module
        A copy of the plugin.
    """
    file = file.resolve()
    package = f"{_package(kind, file)}_copy"
    try:
        yield _run(kind, package, file)
    finally:
        _forget(package)


def _package(kind: str, file: Path) -> str:
    key = f"{kind}\0{file}\0{digest(file)}"
    return PREFIX + sha256(key.encode()).hexdigest()[:16]


def _module(package: str, file: Path) -> str:
    return f"{package}.{file.stem.replace('.', '_')}"


def _forget(package: str) -> None:
    for module in [n for n in sys.modules if n.partition(".")[0] == package]:
        del sys.modules[module]


def _run(kind: str, package: str, file: Path) -> ModuleType:
    """Make the package of a plugin, and import the plugin into it."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    importlib.invalidate_caches()
    root = ModuleType(package)
    root.__path__ = [str(file.parent)]
    sys.modules[package] = root
    name = _module(package, file)
    loader = _Loader(name, str(file))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except Exception as error:
        _forget(package)
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"the {kind} plugin file '{file}' cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    return module


def digest(file: Path) -> str:
    """Return a hash of a plugin file and of the modules beside it that it imports.

    Parameters
    ----------
    file : Path
        The file. Imports anywhere in it count, and those of what it imports.

    Returns
    -------
    str
        Hexadecimal. It depends on contents and names, not on where the folder is.
    """
    file = file.resolve()
    contents: dict[str, bytes] = {}
    todo = [file]
    while todo:
        one = todo.pop()
        name = str(one.relative_to(file.parent))
        if name in contents:
            continue
        contents[name] = one.read_bytes()
        for imported in _imported(contents[name]):
            todo += _beside(file.parent, imported)
    whole = sha256()
    for name, content in sorted(contents.items()):
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


@lru_cache(maxsize=64)
def _imported(source: bytes) -> frozenset[str]:
    """Return the first names of all modules that a source imports."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()  # to import it will say so
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            names.update(alias.name for alias in node.names)
    return frozenset(name.partition(".")[0] for name in names)


def _beside(folder: Path, name: str) -> list[Path]:
    """Return the files of the module or package `name` of a folder, if it has one."""
    if name in _OTHERS:
        return []
    whole, file = folder / name, folder / f"{name}.py"
    if file.is_file() and not (whole / "__init__.py").is_file():
        return [file]
    return sorted(whole.rglob("*.py"))


class _Finder:
    """Finds modules of the packages of plugins."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(PREFIX) or path is None:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Runs a module with an import statement that looks beside the plugin first."""

    def get_code(self, fullname: str) -> CodeType:
        # Never what was compiled before: that goes by time and size, of which an edit
        # may change neither.
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.partition(".")[0]
        replaced = {"__import__": _import_for(package)}
        module.__dict__["__builtins__"] = vars(builtins) | replaced
        super().exec_module(module)


def _import_for(package: str) -> Callable[..., Any]:
    """Return the function behind the import statements of a package."""
    folder = Path(sys.modules[package].__path__[0])

    def import_(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        first = name.partition(".")[0]
        plugin = f"{package}.{first}" == (globals or {}).get("__name__")
        if level == 0 and not plugin and _beside(folder, first):
            name = f"{package}.{name}"
            if not fromlist:
                importlib.import_module(name)
                return sys.modules[f"{package}.{first}"]
        return builtins.__import__(name, globals, locals, fromlist, level)

    return import_


@contextmanager
def on_trial(plugin: str, clips: str) -> Iterator[None]:
    """Try a plugin before a run; where that cannot be done, the run decides.

    Parameters
    ----------
    plugin : str
        Which one, for a warning, such as ``"the method 'a.py'"``.
    clips : str
        On how many made-up clips, which may be too few or too plain for it.

    Raises
    ------
    ConfigError
        If the block does; any other error is a warning in the log.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        log.warning(
            "%s could not be tried on made-up clips before the run (%s): %s: %s",
            *(plugin, clips, type(error).__name__, error),
        )
