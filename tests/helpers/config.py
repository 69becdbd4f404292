"""The schema of a configuration, and the shortest configuration."""

from tests.helpers.places import ROOT

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
