"""Recorded episodes: as many frames as steps, at the environment's pace, in files that play."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import imageio_ffmpeg
import numpy as np
import pytest
from gymnasium import spaces
from PIL import Image

from agent_client.__main__ import main
from agent_client.recording import record
from tests.agent_client.saved_runs import saved_run


class Lamp(gymnasium.Env[Any, Any]):
    """Three steps; each frame is brighter than the one before."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012
    observation_space = spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = spaces.Discrete(1)

    def __init__(self, side: int = 200) -> None:
        self.side = side
        self.steps = 0

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return np.zeros(1, np.float32), 0.5, self.steps == 3, False, {}

    def render(self) -> Any:
        return np.full((self.side, self.side, 3), 80 * self.steps, np.uint8)


class Stay:
    def action(self, observation: Any) -> int:
        return 0


def brightness(path: Path) -> list[int]:
    """Return how bright each frame of a file is."""
    if path.suffix == ".gif":
        with Image.open(path) as image:
            frames = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                frames.append(int(np.asarray(image.convert("L")).mean()))
            return frames
    film = ffmpeg("-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", "-").stdout
    frames_of_film = np.frombuffer(film, np.uint8).reshape(-1, Lamp().side, Lamp().side)
    return [int(frame.mean()) for frame in frames_of_film]


def ffmpeg(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *arguments]
    return subprocess.run(command, capture_output=True, check=False)


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_every_state_from_reset_to_the_end_is_a_frame(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"episode{ending}"

    recording = record(Lamp(), Stay(), [1, 2], path)

    assert recording.frames == 8
    assert recording.returns == [1.5, 1.5]
    assert brightness(path) == pytest.approx([0, 80, 160, 240] * 2, abs=3)


def test_a_gif_plays_at_the_pace_of_the_environment(tmp_path: Path) -> None:
    record(Lamp(), Stay(), [1], tmp_path / "episode.gif")

    with Image.open(tmp_path / "episode.gif") as image:
        assert image.info["duration"] == 40
        assert image.info["loop"] == 0


def test_an_mp4_plays_at_the_pace_of_the_environment(tmp_path: Path) -> None:
    record(Lamp(side=161), Stay(), [1], tmp_path / "episode.mp4")  # an odd side is made even

    about = ffmpeg("-i", str(tmp_path / "episode.mp4")).stderr.decode()
    assert "Video: h264" in about
    assert "162x162" in about
    assert "25 fps" in about


def test_small_frames_are_enlarged_until_people_can_see_them(tmp_path: Path) -> None:
    record(Lamp(side=10), Stay(), [1], tmp_path / "episode.gif")

    with Image.open(tmp_path / "episode.gif") as image:
        assert image.size == (160, 160)


def test_frames_of_numbers_from_0_to_1_become_bytes(tmp_path: Path) -> None:
    lamp = Lamp()
    lamp.render = lambda: np.full((160, 160, 3), lamp.steps / 3)  # type: ignore[method-assign]

    record(lamp, Stay(), [1], tmp_path / "episode.gif")

    assert brightness(tmp_path / "episode.gif") == [0, 85, 170, 255]


def test_record_shows_the_episodes_that_evaluate_plays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved_run(tmp_path / "run", "CartPole-v1")
    out = tmp_path / "episodes.gif"

    assert main(["record", str(folder.path), "--out", str(out), "--episodes", "2"]) == 0
    said = capsys.readouterr().out
    main(["evaluate", str(folder.path), "--episodes", "2", "--json"])

    returns = json.loads(capsys.readouterr().out)["returns"]
    frames = int(sum(returns)) + 2  # a reward of 1 a step, and what reset shows
    assert said == (
        f"{out}: {frames} frames at 50 a second, return {', '.join(f'{r:g}' for r in returns)}\n"
    )


def test_parts_and_pixels_can_be_seen(tmp_path: Path) -> None:
    for environment_id in ("Replay/CameraCartPole-v0", "MinAtar/Breakout-v1"):
        folder = saved_run(tmp_path / environment_id, environment_id)

        assert main(["record", str(folder.path), "--out", str(tmp_path / "episode.gif")]) == 0

        assert len(brightness(tmp_path / "episode.gif")) > 1


def test_other_endings_are_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved_run(tmp_path / "run", "CartPole-v1")

    assert main(["record", str(folder.path), "--out", str(tmp_path / "episode.avi")]) == 2

    assert "must end in .gif or .mp4" in capsys.readouterr().err


def test_an_environment_that_renders_nothing_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Dark(Lamp):
        metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    gymnasium.register("tests/Dark-v0", Dark)
    folder = saved_run(tmp_path / "run", "tests/Dark-v0")

    assert main(["record", str(folder.path), "--out", str(tmp_path / "episode.gif")]) == 2

    assert capsys.readouterr().err == (
        "agent-client: environment 'tests/Dark-v0' cannot be used: it cannot render rgb_array, "
        "which pictures need, but nothing\n"
    )
    assert not (tmp_path / "episode.gif").exists()


def test_without_ffmpeg_one_sentence_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved_run(tmp_path / "run", "CartPole-v1")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)

    assert main(["record", str(folder.path), "--out", str(tmp_path / "episode.mp4")]) == 1

    assert "pip install 'replay-server[video]'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_help_of_the_commands_loads_no_torch() -> None:
    program = (
        "import sys; from agent_client.__main__ import main; "
        "codes = [main([name, '--help']) for name in ('record', 'export', 'plot')]; "
        "print(codes, 'torch' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.endswith("[0, 0, 0] False\n")
