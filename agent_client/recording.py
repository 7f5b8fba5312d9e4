"""Greedy episodes as moving pictures: GIF by Pillow, MP4 by the ffmpeg that imageio-ffmpeg brings.

Frames are written as they come; only what a GIF has made of them is held until its end. What
Gymnasium warns of, missing frame rates and dtypes other than uint8, is seen to here.
"""

import os
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agent_client.environments import Environment
from agent_client.learning.algorithm import Policy
from agent_client.run_errors import (
    MissingExtraError,
    SettingsError,
    UnsuitableEnvironmentError,
)

Frame = NDArray[np.uint8]
"""[height, width, 3] uint8, RGB."""

RENDER_MODE: Final = "rgb_array"
DEFAULT_FPS: Final = 30.0
_SMALLEST_SIDE: Final = 160  # pixels; smaller frames are enlarged until people can see them
_SHORTEST_GIF_FRAME_S: Final = 0.02  # browsers show shorter ones at a tenth of a second
_GIF_TICK_S: Final = 0.01


@dataclass(slots=True)
class Recording:
    """What was recorded.

    Attributes:
        fps: frames a second, as the environment means them.
        frames: how many there are.
        returns: of each episode.
    """

    fps: float
    frames: int = 0
    returns: list[float] = field(default_factory=list)


def record(environment: Environment, policy: Policy, seeds: Sequence[int], path: Path) -> Recording:
    """Play one greedy episode from each seed and write what it looks like.

    Args:
        environment: made with ``RENDER_MODE``; in no episode of somebody else.
        policy: read only.
        seeds: what each episode resets the environment with; at least one.
        path: ends in one of ``WRITERS``; replaced if it exists.

    Raises:
        SettingsError: the ending is of no known kind.
        UnsuitableEnvironmentError: the environment gives no frames.
        MissingExtraError: MP4 needs a package that is not installed.
    """
    write = writer_for(path)
    # Environments that draw with pygame ask for a display even where they only draw into memory.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    recording = Recording(fps=float(environment.metadata.get("render_fps") or DEFAULT_FPS))
    new = path.with_name(f".new.{path.name}")  # the ending tells the kind
    try:
        with (
            warnings.catch_warnings(action="ignore", category=UserWarning),
            closing(_frames(environment, policy, seeds, recording)) as frames,
        ):
            write(new, frames, recording.fps)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return recording


def writer_for(path: Path) -> "Writer":
    """Return what writes pictures to a file of that name.

    Raises:
        SettingsError: its ending is of no known kind.
    """
    try:
        return WRITERS[path.suffix.lower()]
    except KeyError:
        raise SettingsError(f"{str(path)!r} must end in {' or '.join(WRITERS)}") from None


def _frames(
    environment: Environment, policy: Policy, seeds: Sequence[int], recording: Recording
) -> Generator[Frame]:
    for seed in seeds:
        observation, _ = environment.reset(seed=seed)
        total, is_over = 0.0, False
        yield _frame(environment, recording)
        while not is_over:
            observation, reward, terminated, truncated, _ = environment.step(
                policy.action(observation)
            )
            total += float(reward)
            is_over = terminated or truncated
            yield _frame(environment, recording)
        recording.returns.append(total)


def _frame(environment: Environment, recording: Recording) -> Frame:
    frame = environment.render()
    if not isinstance(frame, np.ndarray) or frame.ndim != 3:
        name = "" if environment.spec is None else environment.spec.id
        raise UnsuitableEnvironmentError(name, "it renders no frames")
    recording.frames += 1
    if frame.dtype != np.uint8:  # MinAtar's go from 0 to 1
        frame = np.clip(frame * 255.0, 0.0, 255.0).astype(np.uint8)
    scale = max(1, _SMALLEST_SIDE // min(frame.shape[:2]))
    return np.ascontiguousarray(frame.repeat(scale, axis=0).repeat(scale, axis=1))


def _write_gif(path: Path, frames: Iterator[Frame], fps: float) -> None:
    ticks = round(max(1.0 / fps, _SHORTEST_GIF_FRAME_S) / _GIF_TICK_S)
    images = (Image.fromarray(frame) for frame in frames)
    first = next(images)
    first.save(
        path,
        format="GIF",
        save_all=True,
        append_images=images,
        duration=ticks * 1000 * _GIF_TICK_S,
        loop=0,
    )


def _write_mp4(path: Path, frames: Iterator[Frame], fps: float) -> None:
    try:
        from imageio_ffmpeg import write_frames
    except ImportError as error:
        raise MissingExtraError("MP4", "video") from error
    first = next(frames)
    height, width, _ = first.shape
    # The usual colors of H.264 need even sides; ffmpeg scales by a pixel where they are not.
    pipe: Generator[None, Any, None] = write_frames(
        str(path), (width, height), fps=fps, macro_block_size=2, ffmpeg_log_level="error"
    )
    with closing(pipe):
        pipe.send(None)
        pipe.send(first)
        for frame in frames:
            pipe.send(frame)


Writer = Callable[[Path, Iterator[Frame], float], None]
WRITERS: Final[Mapping[str, Writer]] = {".gif": _write_gif, ".mp4": _write_mp4}
