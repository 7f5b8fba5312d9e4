"""A trained policy as one file that others run: TorchScript or ONNX, proven to act the same.

The file takes observations as `agent_client.environments` prepares them (images in their own
dtype, all else float32), with a leading axis of any length, and returns the greedy action of each.
Observations of several parts are so many inputs, by the names of the parts; TorchScript takes them
as one dictionary.

What is written is loaded again by the library that will run it, and asked for its actions at
observations from played episodes; where it acts otherwise than the policy, no file is left.
"""

import contextlib
import errno
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_client.environments import Environment
from agent_client.learning.algorithm import Exportable, Policy
from agent_client.observations import Observation
from agent_client.run_errors import ExportMismatchError, MissingExtraError
from agent_client.seeding import EpisodePurpose, episode_seed

SINGLE_INPUT: Final = "observation"
OUTPUT: Final = "action"
EXTRA: Final = "export"
_EXAMPLES: Final = 2  # not 1, which exporters take for a constant
_EXPLORATION: Final = 0.5

Batch: TypeAlias = NDArray[Any] | dict[str, NDArray[Any]]
Inference: TypeAlias = Callable[[Batch], NDArray[Any]]
"""[B, ...] observations in, [B] or [B, ...] actions out."""


def export(
    policy: Policy,
    exportable: Exportable,
    observations: Sequence[Observation],
    path: Path,
    format_name: str,
    about: Mapping[str, str],
) -> None:
    """Write a policy to a file that acts like it.

    Args:
        policy: what acts.
        exportable: the same as a module of tensors, on the CPU.
        observations: to compare at; at least two.
        path: of the file; replaced if it exists, once the new one is proven.
        format_name: one of ``FORMATS``.
        about: facts to keep in the file, such as the environment's id.

    Raises:
        ExportMismatchError: the file acts otherwise; there is none then.
        MissingExtraError: the libraries of the format are not installed.
        OSError: it cannot be written.
    """
    batch = _batch(observations)
    examples = _first(batch, _EXAMPLES)
    expected = np.stack([policy.action(observation) for observation in observations])
    if not path.parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "its folder does not exist", str(path.parent))
    new = path.with_name(f".{path.name}.new")
    exportable.module.eval()
    try:
        with _quiet_exporters():
            FORMATS[format_name](exportable.module, examples, new, about)
            infer = LOADERS[format_name](new)
        # Alone, too: the length of a batch must not matter.
        actual = np.concatenate([infer(_first(batch, 1)), infer(batch)[1:]])
        differing = ~exportable.are_same(_tensors(batch), expected, actual)
        if differing.any():
            raise ExportMismatchError(int(differing.sum()), len(differing))
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def visited_observations(
    environment: Environment, policy: Policy, count: int, seed: int
) -> list[Observation]:
    """Return observations of episodes in which the policy acts half of the time, else chance.

    Args:
        environment: in no episode of somebody else; its action space is seeded here.
        policy: read only.
        count: how many.
        seed: of the episodes and of chance.
    """
    environment.action_space.seed(seed)
    generator = np.random.default_rng(seed)
    observations: list[Observation] = []
    for episode in range(count):
        observation, _ = environment.reset(
            seed=episode_seed(seed, EpisodePurpose.EVALUATION, episode)
        )
        is_over = False
        while not is_over:
            observations.append(observation)
            if len(observations) == count:
                return observations
            explores = generator.random() < _EXPLORATION
            action = environment.action_space.sample() if explores else policy.action(observation)
            observation, _, terminated, truncated, _ = environment.step(action)
            is_over = terminated or truncated
    return observations


def _write_torchscript(
    module: nn.Module, examples: Batch, path: Path, about: Mapping[str, str]
) -> None:
    traced = torch.jit.trace(module, (_tensors(examples),), check_trace=False)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    torch.jit.save(traced, str(path), _extra_files={"about.json": json.dumps(dict(about))})


def _write_onnx(module: nn.Module, examples: Batch, path: Path, about: Mapping[str, str]) -> None:
    _require_onnx()
    batch_axis = {0: torch.export.Dim("batch")}
    names = sorted(examples) if isinstance(examples, dict) else [SINGLE_INPUT]
    program = torch.onnx.export(
        module,
        # By name: a dictionary that comes last among the others would be taken for names itself.
        kwargs={"observation": _tensors(examples)},
        input_names=names,
        output_names=[OUTPUT],
        dynamic_shapes={
            "observation": (
                dict.fromkeys(names, batch_axis) if isinstance(examples, dict) else batch_axis
            )
        },
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props.update(about)
    program.save(str(path), external_data=False)


def _load_torchscript(path: Path) -> Inference:
    module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def infer(batch: Batch) -> NDArray[Any]:
        with torch.inference_mode():
            actions: NDArray[Any] = module(_tensors(batch)).numpy()
        return actions

    return infer


def _load_onnx(path: Path) -> Inference:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def infer(batch: Batch) -> NDArray[Any]:
        inputs = batch if isinstance(batch, dict) else {SINGLE_INPUT: batch}
        actions: NDArray[Any] = session.run([OUTPUT], inputs)[0]
        return actions

    return infer


FORMATS: Final[Mapping[str, Callable[[nn.Module, Batch, Path, Mapping[str, str]], None]]] = {
    "torchscript": _write_torchscript,
    "onnx": _write_onnx,
}
LOADERS: Final[Mapping[str, Callable[[Path], Inference]]] = {
    "torchscript": _load_torchscript,
    "onnx": _load_onnx,
}


def _require_onnx() -> None:
    try:
        import onnxruntime  # noqa: F401 - loaded here so that it's missed before the work
        import onnxscript  # noqa: F401 - as above
    except ImportError as error:
        raise MissingExtraError("ONNX", EXTRA) from error


@contextlib.contextmanager
def _quiet_exporters() -> Iterator[None]:
    """Keep from the person what the exporters have to say about their own making."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _batch(observations: Sequence[Observation]) -> Batch:
    first = observations[0]
    if not isinstance(first, dict):
        return np.stack([np.asarray(one) for one in observations])
    return {
        name: np.stack([one[name] for one in observations if isinstance(one, dict)])
        for name in sorted(first)
    }


def _first(batch: Batch, count: int) -> Batch:
    if isinstance(batch, dict):
        return {name: part[:count] for name, part in batch.items()}
    return batch[:count]


def _tensors(batch: Batch) -> Tensor | dict[str, Tensor]:
    if isinstance(batch, dict):
        return {name: torch.from_numpy(part) for name, part in batch.items()}
    return torch.from_numpy(batch)
