"""A study's folder: what was tried and what came of it, kept from trial to trial.

    study.db             Optuna's own record, in SQLite
    trials/000/ ...      the folder of each trial's training run
    trials.csv           one line per trial: state, return, hyper-parameters
    best.toml            the best trial's configuration, for ``train --config``
    importances.png      how much of the returns' variance each hyper-parameter explains

Whoever ends a study at any moment can go on with it by the same command. One command works at a
study at a time; it may have several workers.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import filelock
import optuna
from optuna.trial import FrozenTrial, TrialState

from agent_client.run_errors import RunFolderError, SettingsError
from agent_client.runs.settings import RunConfig
from agent_client.tuning.search_space import SearchSpace, starting_point

COUNTED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_STARTUP_TRIALS: Final = 5
_BUSY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """Names of the files of a study.

    Attributes:
        path: the folder itself.
    """

    path: Path

    @property
    def database(self) -> Path:
        """Optuna's record."""
        return self.path / "study.db"

    @property
    def trials(self) -> Path:
        """One line per trial."""
        return self.path / "trials.csv"

    @property
    def best(self) -> Path:
        """The best trial's configuration."""
        return self.path / "best.toml"

    @property
    def importances(self) -> Path:
        """The drawing of what mattered."""
        return self.path / "importances.png"

    def trial(self, number: int) -> Path:
        """Return the folder of a trial's run."""
        return self.path / "trials" / f"{number:03}"

    @contextmanager
    def to_itself(self) -> Iterator[None]:
        """Keep others from working at the study for the time of a ``with`` block.

        Raises:
            RunFolderError: somebody does, or the folder cannot be written.
        """
        lock = filelock.FileLock(self.path / "study.lock", blocking=False)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with lock:
                yield
        except filelock.Timeout as error:
            raise RunFolderError(self.path, "is a study that another command works at") from error
        except OSError as error:
            raise RunFolderError(self.path, f"cannot be written: {error.strerror}") from error

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Let one worker at a time take a trial."""
        with filelock.FileLock(self.path / "asking.lock"):
            yield


def open_study(folder: StudyFolder, name: str, run: RunConfig, space: SearchSpace) -> optuna.Study:
    """Return a study, new or as it was left.

    What was under way when it was left is tried again. A new one begins with the preset's values.

    Args:
        folder: of the study.
        name: of the study in its database.
        run: what is tuned.
        space: what is tried.

    Raises:
        SettingsError: the study is one of another environment or algorithm.
        RunFolderError: its database cannot be read.
    """
    try:
        study = load_study(folder, name, run)
    except sqlite3.Error as error:
        raise RunFolderError(folder.path, f"has an unreadable study.db: {error}") from error
    about = {"env": run.settings.env, "algorithm": run.algorithm}
    for key, value in about.items():
        before = study.user_attrs.get(key, value)
        if before != value:
            raise SettingsError(f"the study in {str(folder.path)!r} has {key} {before!r}")
        study.set_user_attr(key, value)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        give_back(study, trial)
    if not study.get_trials():
        study.enqueue_trial(starting_point(run.config, space))
    return study


def load_study(folder: StudyFolder, name: str, run: RunConfig) -> optuna.Study:
    """Return the study for a worker of it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{folder.database}", engine_kwargs={"connect_args": {"timeout": _BUSY_S}}
    )
    return optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(
            seed=run.settings.seed, n_startup_trials=_STARTUP_TRIALS, constant_liar=True
        ),
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=run.steps // 4
        ),
        load_if_exists=True,
    )


def give_back(study: optuna.Study, trial: FrozenTrial | optuna.Trial) -> None:
    """Call off a trial that came to no end, and have its values tried again."""
    study.tell(trial.number, state=TrialState.FAIL)
    study.enqueue_trial(trial.params)


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that came to an end, pruned ones included, in their order."""
    return study.get_trials(deepcopy=False, states=COUNTED)
