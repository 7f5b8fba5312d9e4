"""Workers of a study: one in this process, or several in processes of their own.

Training has signal handlers, global random generators and one thread's worth of work, so trials
run at once are processes. A worker is in a session of its own, apart from the terminal's Ctrl-C,
which the parent passes on; it ends with its parent, too.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import click

from agent_client.errors import ReplayClientError
from agent_client.run_errors import RunError
from agent_client.tuning.study import load_study
from agent_client.tuning.trial import Tuning, carry_out, next_trial

_JOIN_S = 3.0
_LONGEST_END_S = 40.0


def work(tuning: Tuning) -> None:
    """Carry out trials one after another until there are as many as there are to be.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM.
        RunError, ReplayClientError: a run failed.
    """
    study = load_study(tuning.folder, tuning.study, tuning.run)
    while (trial := next_trial(study, tuning)) is not None:
        click.echo(carry_out(study, tuning, trial))


def work_at_once(tuning: Tuning, jobs: int) -> None:
    """Have so many workers carry out the trials.

    Raises:
        KeyboardInterrupt: Ctrl-C; the workers have ended.
        RunError: a worker failed; it has said why.
    """
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_worker, args=(tuning,)) for _ in range(jobs)]
    try:
        with _ctrl_c_held_back():
            for worker in workers:
                worker.start()
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:
        _end(workers)
        raise
    if any(worker.exitcode for worker in workers):
        raise RunError("a worker of the study failed; the same command goes on with it")


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Let SIGINT wait for the end of a ``with`` block; processes that start in it get none.

    Raises:
        KeyboardInterrupt: at the end, if one came.
    """
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    mask: set[int] = set()
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # its start lifts the mask, which is what is inherited
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def _end(workers: "list[SpawnProcess]") -> None:
    """Let workers finish the step under way, so that the study knows what became of it.

    A signal that comes at the very end of a trial is forgotten with it: they are told again. What
    is killed in the end is tried again when the study is gone on with.
    """
    deadline = time.monotonic() + _LONGEST_END_S
    while any(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
                worker.join(_JOIN_S)
    for worker in workers:
        if worker.is_alive():
            worker.kill()
        worker.join()


def _worker(tuning: Tuning) -> None:
    if hasattr(os, "setsid"):
        os.setsid()
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        work(tuning)
    except KeyboardInterrupt:
        return
    except (RunError, ReplayClientError) as error:
        click.echo(f"agent-client: {error}", err=True)
        raise SystemExit(1) from error


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
