"""Any dataset that mirdata can load: ``mirdata:<name>``, as ``mirdata:good_sounds``."""

from types import ModuleType

from earshift.datasets import _loaders


def of(name: str) -> ModuleType:
    """Return the plugin of mirdata's loader `name`, whose items are tracks."""
    return _loaders.plugin("mirdata", "track", name)
