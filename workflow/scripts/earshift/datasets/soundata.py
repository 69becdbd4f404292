"""Any dataset that soundata can load: ``soundata:<name>``, as ``soundata:fsd50k``."""

from types import ModuleType

from earshift.datasets import _loaders


def of(name: str) -> ModuleType:
    """Return the plugin of soundata's loader `name`, whose items are clips."""
    return _loaders.plugin("soundata", "clip", name)
