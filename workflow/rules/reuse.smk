"""Which results a run uses again, and that no other run makes them at the same time.

Snakemake decides by dates, and by what it remembers in the folder where it ran. Here it
is taught to heed the settings that lie beside each result, too (earshift.jobs.recorded): they
are known wherever the results are, and whoever made them. (Which triggers of a re-run
count at all is in profiles/default; the text and the date of an adapter do not.)
"""

import atexit
import time
from contextlib import ExitStack

from earshift.slurm import disk
from earshift.jobs import run_lock, recorded
from earshift.runs import outcome
from snakemake.settings.types import RerunTrigger
from snakemake.dag import DAG
from snakemake.exceptions import IncompleteCheckpointException
from snakemake.logging import logger

# First outputs of the jobs that were looked at: what this run makes is not judged anew.
JUDGED = set()


def hold_results():
    """Wait until no other run works on these results, then keep others waiting."""
    held, where = ExitStack(), f"with the results in '{RESULTS}'"
    try:
        file = layout.path(RESULTS, layout.RUN_LOCK)
        held.enter_context(run_lock.one_at_a_time(file, logger.info, where))
    except OSError as error:
        raise WorkflowError(f"'{RESULTS}' cannot be written: {error}") from None
    atexit.register(held.close)
    # For the launcher, which prints the main table, or why a job failed.
    outcome.note(RESULTS, LOGS)


def differences(job):
    """In what the settings that made a job's output differ from the present ones."""
    key = next(iter(job.output), None)
    if key is None or key in JUDGED or not job.rule.params:
        return []
    if any(f.flags.get("checkpoint_target") for f in job.input):
        return []  # not all its input is known yet
    if not any(Path(file).exists() for file in job.output):
        JUDGED.add(key)
        return []
    try:
        params = dict(job.params.items())
    except IncompleteCheckpointException:
        return []
    JUDGED.add(key)
    now = recorded.settings(params, job.input, RESULTS)
    if workflow.touch:  # the user says that what is there is right
        recorded.write(Path(key), now)
    return recorded.differences(Path(key), now)


def force_changed(dag):
    """Have the jobs run whose settings are not those that made their output."""
    changed = {}
    for job in list(dag.jobs):
        if found := differences(job):
            dag.forcefiles.update(job.output)
            changed.setdefault(job.rule.name, set()).update(found)
    if changed:
        logger.info("Made by other settings, and made again:")
    for name, found in sorted(changed.items()):
        logger.info(f"    {name} ({', '.join(sorted(found))})")


def from_the_future(file):
    """Whether a file is dated after the present."""
    path = Path(file)
    return path.exists() and path.stat().st_mtime > time.time() + 1


def trust_records():
    """Of params and input, have the records beside results decide, and nothing else.

    What Snakemake remembers has other paths once the project has moved.
    """
    memory = workflow.persistence
    memory.params_changed = memory.input_changed = lambda job, file=None: ()


def warn_of_dates(dag):
    """Name the files that no job makes and that are dated in the future."""
    made = {file for job in dag.jobs for file in job.output}
    given = {file for job in dag.jobs for file in job.input} - made
    for file in sorted(filter(from_the_future, given)):
        logger.warning(
            f"'{file}' is dated in the future (by the clock of this machine). Until "
            "then it may be taken for new in every run: 'touch' it."
        )


def heed_settings():
    """Teach Snakemake's graph of jobs all that is said above."""
    init, update, check = DAG.init, DAG.update_needrun, DAG.check_output_mtime

    async def init_alone(dag, *arguments, **options):
        # Before anything is looked at; not where it is only said what would be done.
        if workflow.executor_plugin is not None and not workflow.dryrun:
            hold_results()
        trust_records()
        await init(dag, *arguments, **options)
        warn_of_dates(dag)

    async def update_by_settings(dag, *arguments, **options):
        # Of --until, Snakemake forgets the jobs that come after a checkpoint.
        for job in dag.until_jobs():
            dag.targetfiles.update(job.output)
        if RerunTrigger.PARAMS in workflow.rerun_triggers:
            force_changed(dag)
        await update(dag, *arguments, **options)

    async def check_dates(dag, job, outputs):
        # It takes an input from the future for a wrong clock, and fails.
        if not any(map(from_the_future, job.input)):
            await check(dag, job, outputs)

    DAG.init, DAG.update_needrun = init_alone, update_by_settings
    DAG.check_output_mtime = check_dates


if workflow.is_main_process:
    try:
        disk.check_temporary()
    except EarshiftError as error:
        raise WorkflowError(str(error)) from None
    heed_settings()
