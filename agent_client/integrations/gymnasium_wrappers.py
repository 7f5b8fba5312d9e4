"""Any loop over an environment feeds a table: a wrapper of Gymnasium, one line.

    env = RecordToReplay(gymnasium.make("CartPole-v1"), client, "experience")

What the loop does stays as it is: `reset` and `step` return what the environment returns, and each
step becomes a row of a table of steps, sent in the background. Needs the extra `agent`.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import gymnasium
from gymnasium import spaces
from gymnasium.vector import VectorEnv, VectorWrapper

from agent_client.integrations.remote_table import require_fit
from agent_client.replay_client import ReplayClient
from agent_client.step_tables import step_table_spec
from agent_client.writer import RowWriter, StepWriter

__all__ = ["RecordToReplay", "RecordVectorToReplay"]

Observation = TypeVar("Observation")
Action = TypeVar("Action")


class RecordToReplay(gymnasium.Wrapper[Observation, Action, Observation, Action]):
    """Records one environment's steps into a table of steps.

    Termination and truncation stay apart: `is_terminal` of an episode's last row tells which it
    was. An episode that the loop leaves by `reset` is cut off there. The step that came last of an
    episode still open is not stored, for what came after it is not known.

    Attributes:
        rows: the writer, for those who want to `flush` it or to know how many rows are stored.
    """

    def __init__(
        self,
        env: gymnasium.Env[Observation, Action],
        client: ReplayClient | str,
        table: str,
        *,
        spec: Mapping[str, Any] | None = None,
        capacity: int = 1_000_000,
        writer_id: str | None = None,
    ) -> None:
        """Record an environment; the table is made of its spaces where it does not stand yet.

        Args:
            env: any but a vector environment.
            client: kept, not closed; or the server's URL.
            table: its name.
            spec: what the table is made of; None takes `step_table_spec` of the spaces.
            capacity: rows of the table, where it is made here and `spec` is None.
            writer_id: as `RowWriter` has it.

        Raises:
            TypeError: it is a vector environment.
            UnsuitableTableError: the table that stands is none of such steps.
            ValueError: a space has no values of one dtype and shape.
            ReplayClientError: the server could not be asked, or refuses the spec.
        """
        if hasattr(env, "num_envs"):
            raise TypeError("a vector environment is recorded by RecordVectorToReplay")
        super().__init__(env)
        self._recorder = _Recorder(
            client, table, _spec(env.observation_space, env.action_space, spec, capacity), writer_id
        )
        self.rows = self._recorder.rows
        self._steps = StepWriter(self.rows)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset the environment and begin an episode of the table."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._steps.begin(observation)
        return observation, info

    def step(self, action: Action) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Step the environment and have the step stored.

        Raises:
            StepOrderError: the episode has not begun, or has ended.
            ColumnMismatchError: a value is not what the environment's spaces say.
            WriterFailedError: the server refused earlier rows, or stayed away too long.
        """
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._steps.append(action, observation, reward, terminated, truncated, info)
        return observation, reward, terminated, truncated, info

    def close(self) -> None:
        """Send the rows that are left, then close the environment.

        Raises:
            WriterClosedError: some rows could not be sent; the environment is closed even so.
        """
        try:
            self._recorder.close()
        finally:
            super().close()


class RecordVectorToReplay(VectorWrapper):
    """Records a vector environment's steps, a stream of the table for each environment.

    As `RecordToReplay`, whatever the mode in which the environments reset themselves.

    Attributes:
        rows: the writer.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        client: ReplayClient | str,
        table: str,
        *,
        spec: Mapping[str, Any] | None = None,
        capacity: int = 1_000_000,
        writer_id: str | None = None,
    ) -> None:
        """Record a vector environment; arguments and errors are those of `RecordToReplay`."""
        super().__init__(env)
        made_of = _spec(env.single_observation_space, env.single_action_space, spec, capacity)
        self._recorder = _Recorder(client, table, made_of, writer_id)
        self.rows = self._recorder.rows
        self._steps = StepWriter.for_environment(self.rows, env)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, or those of `options["reset_mask"]`, and begin their episodes."""
        mask = (options or {}).get("reset_mask")  # before: Gymnasium takes it out of the options
        observations, infos = self.env.reset(seed=seed, options=options)
        self._steps.begin(observations, mask)
        return observations, infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step the environments and have their steps stored; raises as `RecordToReplay.step`."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        self._steps.append(actions, observations, rewards, terminated, truncated, infos)
        return observations, rewards, terminated, truncated, infos

    def close(self, **options: Any) -> None:
        """Send the rows that are left, then close the environments; as `RecordToReplay.close`."""
        try:
            self._recorder.close()
        finally:
            super().close(**options)


class _Recorder:
    """A writer of a table that fits, and a client where only the URL was given."""

    def __init__(
        self,
        client: ReplayClient | str,
        table: str,
        spec: Mapping[str, Any],
        writer_id: str | None,
    ) -> None:
        self._own_client = ReplayClient(client) if isinstance(client, str) else None
        used = self._own_client or client
        assert isinstance(used, ReplayClient)
        try:
            found = used.ensure_table(table, spec)["spec"]
            kind = found["items"]["kind"]
            is_of_steps = kind in ("transition", "sequence")  # how they are drawn is no matter here
            wanted = {**spec, "items": {"kind": kind}} if is_of_steps else spec
            require_fit(table, wanted, found)
            self.rows = RowWriter(used, table, writer_id=writer_id, create=spec)
        except BaseException:
            self._close_client()
            raise

    def close(self) -> None:
        try:
            self.rows.close()
        finally:
            self._close_client()

    def _close_client(self) -> None:
        if self._own_client is not None:
            self._own_client.close()


def _spec(
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
    spec: Mapping[str, Any] | None,
    capacity: int,
) -> Mapping[str, Any]:
    return step_table_spec(observation_space, action_space, capacity) if spec is None else spec
