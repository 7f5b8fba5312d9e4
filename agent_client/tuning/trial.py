"""One trial of a study: a training run with suggested hyper-parameters, pruned if it lags."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import optuna
from optuna.trial import TrialState
from rich.console import Console

from agent_client.evaluation import Evaluation
from agent_client.loop_observers import ObservedLoop
from agent_client.run_errors import SettingsError
from agent_client.runs.folder import RunFolder
from agent_client.runs.interrupts import Stoppable
from agent_client.runs.settings import RunConfig, resolve
from agent_client.runs.training_run import train
from agent_client.tuning.search_space import SearchSpace, suggest
from agent_client.tuning.study import COUNTED, StudyFolder, give_back

_UNDER_WAY: Final = (*COUNTED, TrialState.RUNNING)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What the trials of a study have in common; goes to workers in other processes.

    Attributes:
        folder: of the study.
        study: its name in the database.
        run: what is tuned, with a server of the study's.
        hyperparameters: set for all trials.
        space: what is tried.
        trials: how many trials the study is to have in all.
    """

    folder: StudyFolder
    study: str
    run: RunConfig
    hyperparameters: dict[str, object]
    space: SearchSpace
    trials: int

    def configured(self, trial: optuna.Trial) -> RunConfig:
        """Return the configuration of a trial's run, with a seed of its own.

        Raises:
            SettingsError: the values that were suggested do not go together.
        """
        suggested = suggest(trial, self.run.algorithm, self.space)
        settings = replace(self.run.settings, seed=self.run.settings.seed + trial.number)
        return resolve(settings, {**self.hyperparameters, **suggested})


class Pruning:
    """Observes a loop: tells the study each evaluation, and ends a trial that lags behind.

    Attributes:
        pruned: whether it has.
    """

    def __init__(self, trial: optuna.Trial) -> None:
        """Tell of a trial."""
        self.pruned = False
        self._trial = trial
        self._loop: Stoppable | None = None

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody else asked the loop to stop, be it too late to make a difference."""
        return self._loop is not None and self._loop.stop_requested and not self.pruned

    def on_step(self, loop: ObservedLoop) -> None:
        """Nothing to tell of single steps."""

    def on_episode(self, loop: ObservedLoop, episode_return: float, length: int) -> None:
        """Nothing to tell of single episodes."""

    def on_evaluation(self, loop: ObservedLoop, evaluation: Evaluation) -> None:
        """Tell the best return so far: a lucky evaluation keeps its weights, an unlucky none."""
        best = loop.progress.best_return
        self._trial.report(evaluation.mean_return if best is None else best, loop.progress.step)
        stoppable: Stoppable = loop  # type: ignore[assignment]  # loops can be stopped
        self._loop = stoppable
        if self._trial.should_prune() and not stoppable.stop_requested:
            self.pruned = True
            stoppable.stop_requested = True


def next_trial(study: optuna.Study, tuning: Tuning) -> optuna.Trial | None:
    """Return a trial to carry out, None when there are as many as there are to be."""
    with tuning.folder.asking():
        taken = len(study.get_trials(deepcopy=False, states=_UNDER_WAY))
        return None if taken >= tuning.trials else study.ask()


def carry_out(study: optuna.Study, tuning: Tuning, trial: optuna.Trial) -> str:
    """Train, tell the study what came of it, and return that as one line.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; the trial's values will be tried again, if it has
            come to no end.
        RunError, ReplayClientError: the run failed; alike.
    """
    pruning = Pruning(trial)
    try:
        run = tuning.configured(trial)
    except SettingsError as error:
        study.tell(trial, state=TrialState.PRUNED)
        return f"trial {trial.number}: {error}"
    try:
        folder = RunFolder(tuning.folder.trial(trial.number))
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            result = train(
                run,
                folder,
                resume=False,
                console=Console(file=nowhere),
                observers=(pruning,),
            )
    except BaseException:
        give_back(study, trial)
        raise
    values = ", ".join(f"{name}={value}" for name, value in trial.params.items())
    steps = f"after {result.progress.step:,} steps"
    if pruning.pruned:
        study.tell(trial, state=TrialState.PRUNED)
        return f"trial {trial.number}: pruned {steps}  ({values})"
    if result.evaluation is None:
        give_back(study, trial)
        raise KeyboardInterrupt
    study.tell(trial, result.evaluation.mean_return)
    if pruning.is_interrupted:
        raise KeyboardInterrupt
    return f"trial {trial.number}: {result.evaluation.mean_return:.2f} {steps}  ({values})"
