"""Plan an experiment: how many recordings it needs, which changes it can show."""

from earshift.numerics.planning import recordings_needed, smallest_detectable

__all__ = ["recordings_needed", "smallest_detectable"]
