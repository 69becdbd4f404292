import contextlib
import importlib.util
import logging
import os
import re
import signal
import socket
import sys
from pathlib import Path

import pandas as pd
import pytest

from earshift.errors import DataError, StoppedError
from earshift.jobs import stopping
from earshift.workers import tasks as cluster
from earshift.workers.start import Spread

#: Under what results are kept, and what messages call them.
NAMES = {"name": "tests.square", "what": "squares"}


def square(*, n, folder):
    """The task: note the call in a file, return the square."""
    with Path(folder, "calls").open("a") as file:
        file.write(f"{n}\n")
    return pd.DataFrame({"n": [n], "square": [n * n], "pid": [os.getpid()]})


def fail_at_three(*, n, folder):
    if n == 3:
        raise ValueError("three")
    return square(n=n, folder=folder)


def run(tmp_path, numbers, n_workers=0, function=square):
    tasks = [{"n": n, "folder": str(tmp_path)} for n in numbers]
    parts = tmp_path / "parts"
    return cluster.run_tasks(
        function, tasks, folder=parts, n_workers=n_workers, **NAMES
    )


def calls(tmp_path):
    return sorted(map(int, (tmp_path / "calls").read_text().split()))


def test_results_come_in_the_order_of_the_tasks(tmp_path):
    assert run(tmp_path, [3, 1, 2])["square"].to_list() == [9, 1, 4]


def test_processes_give_the_same_table_as_none(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    serial = run(tmp_path / "a", range(6))
    parallel = run(tmp_path / "b", range(6), n_workers=2)
    pd.testing.assert_frame_equal(
        serial.drop(columns="pid"), parallel.drop(columns="pid")
    )
    assert os.getpid() not in set(parallel["pid"])


def test_the_usual_port_of_dask_may_be_taken(tmp_path):
    with socket.socket() as other:
        with contextlib.suppress(OSError):  # another program has it: as well
            other.bind(("0.0.0.0", 8787))
            other.listen()
        found = run(tmp_path, range(3), n_workers=2)
    assert found["square"].to_list() == [0, 1, 4]


def test_done_tasks_are_kept_after_a_failure(tmp_path):
    with pytest.raises(ValueError, match="three"):
        run(tmp_path, [1, 2, 3, 4], function=fail_at_three)
    assert calls(tmp_path) == [1, 2]
    run(tmp_path, [1, 2, 4], function=fail_at_three)
    assert calls(tmp_path) == [1, 2, 4]


def test_an_added_task_computes_only_itself_and_a_dropped_one_is_removed(tmp_path):
    run(tmp_path, [1, 2])
    run(tmp_path, [2, 5])
    assert calls(tmp_path) == [1, 2, 5]
    assert len(list((tmp_path / "parts").iterdir())) == 2


def kill_the_first(*, n, folder):
    """A task whose table is cut short with its process, the first time."""
    table = square(n=n, folder=folder)
    begun = Path(folder, "begun")
    if not begun.exists():
        begun.touch()

        def to_parquet(file, **_):
            Path(file).write_bytes(b"PAR1")
            os.kill(os.getpid(), signal.SIGKILL)

        table.to_parquet = to_parquet
    return table


def test_what_a_killed_worker_leaves_is_no_result_and_is_cleared(tmp_path):
    found = run(tmp_path, [1, 2], n_workers=1, function=kill_the_first)
    assert found["square"].to_list() == [1, 4]
    files = list((tmp_path / "parts").iterdir())
    assert len(files) == 2
    assert not any(file.name.startswith(".") for file in files)


def renamed(*, n, folder):
    """The same task after a move."""
    return square(n=n, folder=folder)


def test_results_are_kept_when_their_function_moves(tmp_path):
    before = run(tmp_path, [1, 2])
    pd.testing.assert_frame_equal(before, run(tmp_path, [1, 2], function=renamed))
    assert calls(tmp_path) == [1, 2]


def grouped(*, n, folder):
    """A task of two tables."""
    table = square(n=n, folder=folder)
    return table[["n", "pid"]], table[["square"]]


@pytest.mark.parametrize("n_workers", [0, 2])
def test_a_group_stays_in_one_process_and_gives_each_table(tmp_path, n_workers):
    groups = [
        [{"n": n, "folder": str(tmp_path)} for n in numbers]
        for numbers in ([3, 1, 2], [5, 4], [6])
    ]
    options = {"folder": tmp_path / "parts", "n_workers": n_workers} | NAMES
    first, second = cluster.run_groups(grouped, groups, tables=("a", "b"), **options)
    assert first["n"].to_list() == [3, 1, 2, 5, 4, 6]
    assert second["square"].to_list() == [9, 1, 4, 25, 16, 36]
    group = [0, 0, 0, 1, 1, 2]
    assert first["pid"].groupby(group).nunique().eq(1).all()
    # One table of a task is gone: this task is done again, and no other.
    next((tmp_path / "parts").glob("*.b.parquet")).unlink()
    cluster.run_groups(grouped, groups, tables=("a", "b"), **options)
    assert len(calls(tmp_path)) == 7


def die_at_three(*, n, folder):
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(n=n, folder=folder)


def test_a_task_that_kills_every_worker_is_given_up(tmp_path):
    with pytest.raises(DataError, match="more memory or fewer threads"):
        run(tmp_path, [1, 3], n_workers=1, function=die_at_three)


def test_a_worker_that_cannot_import_the_tasks_is_not_waited_for(tmp_path):
    file = tmp_path / "nowhere.py"
    file.write_text("def task(**_):\n    raise AssertionError\n")
    spec = importlib.util.spec_from_file_location("nowhere", file)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "nowhere", module)
        spec.loader.exec_module(module)
        with pytest.raises(DataError, match="No module named 'nowhere'"):
            run(tmp_path, [1], n_workers=1, function=module.task)


@pytest.mark.parametrize("n_workers", [0, 1])
def test_a_job_that_shall_stop_keeps_what_is_done(tmp_path, n_workers, monkeypatch):
    def reason():
        found = len(list((tmp_path / "parts").glob("[!.]*")))
        return "its time is over" if found >= 3 else None

    monkeypatch.setattr(stopping, "reason", reason)
    with pytest.raises(StoppedError, match="its time is over"):
        run(tmp_path, range(200), n_workers=n_workers)
    done = calls(tmp_path)
    assert 3 <= len(done) < 200
    monkeypatch.undo()
    run(tmp_path, range(200), n_workers=0)
    # The task that ran when its worker was ended may have been called twice.
    assert set(calls(tmp_path)) == set(range(200))
    assert len(calls(tmp_path)) <= 201


def test_without_slurm_workers_on_several_nodes_are_on_this_machine(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    for spread in (Spread(nodes=2), Spread(elastic=True)):
        tasks = [{"n": n, "folder": str(tmp_path)} for n in range(3)]
        folder = tmp_path / ("elastic" if spread.elastic else "nodes")
        found = cluster.run_tasks(
            square, tasks, folder=folder, n_workers=1, spread=spread, **NAMES
        )
        assert found["square"].to_list() == [0, 1, 4]


def test_the_address_of_a_dashboard_is_told(tmp_path, caplog):
    caplog.set_level(logging.INFO, "earshift")
    tasks = [{"n": 1, "folder": str(tmp_path)}]
    cluster.run_tasks(
        square,
        tasks,
        folder=tmp_path / "parts",
        n_workers=1,
        spread=Spread(dashboard=True),
        **NAMES,
    )
    if importlib.util.find_spec("bokeh"):
        assert re.search(r"dashboard of the workers: http://127.0.0.1:\d+", caplog.text)
    else:
        assert "needs the extra 'dashboard'" in caplog.text


def test_progress_is_told(tmp_path, caplog):
    caplog.set_level(logging.INFO, "earshift")
    run(tmp_path, [1, 2])
    assert "squares: 2/2 tasks" in caplog.text
