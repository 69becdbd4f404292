"""SLURM: a run's jobs in its queue, what the cluster allows, a job's own place in it.

No other module calls SLURM's commands.
"""

from earshift.slurm._cluster import (
    STATUS_EVERY_S,
    Partition,
    accounts,
    check_script,
    configuration,
    longest_min,
    partitions,
    partitions_of,
)
from earshift.slurm._commands import available, call
from earshift.slurm._plugin import become_array_task, check_plugin, repair_plugin
from earshift.slurm._queue import (
    Job,
    Trial,
    cancel,
    live_jobs,
    refuse_second_run,
    run_name,
    settle,
    submit_driver,
)
from earshift.slurm._this_job import (
    Allocation,
    allocation,
    node_address,
    on_each_node,
    own_id,
    time_left_s,
)

__all__ = [
    "STATUS_EVERY_S",
    "Allocation",
    "Job",
    "Partition",
    "Trial",
    "accounts",
    "allocation",
    "available",
    "become_array_task",
    "call",
    "cancel",
    "check_plugin",
    "check_script",
    "configuration",
    "live_jobs",
    "longest_min",
    "node_address",
    "on_each_node",
    "own_id",
    "partitions",
    "partitions_of",
    "refuse_second_run",
    "repair_plugin",
    "run_name",
    "settle",
    "submit_driver",
    "time_left_s",
]
