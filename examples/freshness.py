"""What do limits of reuse, fading priorities and fresh draws change? CartPole-v1, five seeds each.

    python examples/freshness.py --out runs/freshness      # ten minutes on one core

Each variant is what `agent-client train` does with one hyper-parameter set, all on one server. The
network is small and learns half as often as by default, so that there is something to see. Runs
that are in the folder already are not done again. A table and a drawing come out: means over the
seeds with 95 % intervals (Student's t).
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console

from agent_client.reporting.metrics import MetricsRow, read_metrics
from agent_client.runs.embedded_server import EmbeddedServer
from agent_client.runs.folder import RunFolder
from agent_client.runs.hyperparameters import parse_assignments
from agent_client.runs.settings import TrainSettings, resolve
from agent_client.runs.training_run import train as carry_out

STEPS = 10_240
COMMON = ("hidden_units=64,64", "updates_per_round=64")
EVALUATION_PERIOD = 1_024
VARIANTS: Mapping[str, tuple[str, ...]] = {
    "as it is": (),
    "max_times_sampled 24": ("max_times_sampled=24",),
    "priority_half_life 2,000": ("priority_half_life=2000",),
    "fresh_share 0.25": ("fresh_share=0.25",),
    "fresh_share 0.75": ("fresh_share=0.75",),
}
FIGURES = {
    "sample_age": "age of a drawn step, rows",
    "effective_sample_share": "effective sample size / batch size",
    "never_drawn_share": "share of steps never drawn",
}
STUDENT_T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 8: 2.365, 10: 2.262}


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the half width of its 95 % interval."""
    spread = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return float(np.mean(values)), STUDENT_T_95[len(values)] * spread


def train(
    url: str, folder: RunFolder, seed: int, steps: int, hyperparameters: Sequence[str]
) -> None:
    """Do a run, unless it is done."""
    if folder.evaluation.exists():
        return
    settings = TrainSettings(
        env="CartPole-v1",
        server=url,
        seed=seed,
        steps=steps,
        stop_return=float("inf"),
        evaluation_period=EVALUATION_PERIOD,
        tracker="none",
    )
    run = resolve(settings, parse_assignments("dqn", (*COMMON, *hyperparameters)))
    carry_out(run, folder, resume=False, console=Console(quiet=True))


def folder_of(out: Path, hyperparameters: Sequence[str], seed: int) -> RunFolder:
    """Return where a run's files go."""
    return RunFolder(out / "-".join(["run", *hyperparameters, f"seed{seed}"]))


def evaluations(rows: Sequence[MetricsRow]) -> NDArray[np.float64]:
    """Return the mean greedy return of each evaluation of a run, [E]."""
    return np.array([row.evaluation_return for row in rows if row.evaluation_return is not None])


def mean_figure(rows: Sequence[MetricsRow], name: str) -> float:
    """Return a figure of the draws at the end of a run."""
    return [row.figures[name] for row in rows if name in row.figures][-1]


def draw(curves: Mapping[str, NDArray[np.float64]], bars: Mapping[str, object], path: Path) -> None:
    """Draw what came out.

    Args:
        curves: variant -> [seeds, evaluations] greedy returns.
        bars: figure -> variant -> mean and half width.
        path: of the PNG.
    """
    figure = Figure(figsize=(12, 8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplot_mosaic([["curve"] * 3, list(FIGURES)])
    steps = EVALUATION_PERIOD * np.arange(1, 1 + min(c.shape[1] for c in curves.values()))
    for name, curve in curves.items():
        middles, widths = zip(*(interval(column) for column in curve.T.tolist()), strict=True)
        low, high = np.subtract(middles, widths), np.add(middles, widths)
        (line,) = axes["curve"].plot(steps, middles, label=name)
        axes["curve"].fill_between(steps, low, high, alpha=0.12, color=line.get_color())
    axes["curve"].set(
        xlabel="environment steps",
        ylabel="greedy return, mean of seeds",
        title=f"CartPole-v1, {len(next(iter(curves.values())))} seeds, 95 % intervals",
        ylim=(0, 510),
    )
    axes["curve"].legend()
    for name, title in FIGURES.items():
        values = bars[name]
        assert isinstance(values, dict)
        for place, (variant, (middle, width)) in enumerate(values.items()):
            axes[name].barh(place, middle, xerr=width, label=variant, capsize=3)
        axes[name].set(title=title)
        axes[name].set_yticks(range(len(values)), list(values))
        axes[name].invert_yaxis()
    figure.savefig(path, format="png")


def main() -> None:
    """Train, tell and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/freshness"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    curves: dict[str, NDArray[np.float64]] = {}
    bars: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in FIGURES}
    print("variant | return on the way | return at the end | age | effective | never drawn")
    with EmbeddedServer() as server:
        for seed in options.seeds:
            for hyperparameters in VARIANTS.values():
                folder = folder_of(options.out, hyperparameters, seed)
                train(server.url, folder, seed, options.steps, hyperparameters)
    for variant, hyperparameters in VARIANTS.items():
        runs = []
        for seed in options.seeds:
            folder = folder_of(options.out, hyperparameters, seed)
            runs.append((read_metrics(folder.metrics), json.loads(folder.evaluation.read_text())))
        curves[variant] = np.stack([evaluations(rows) for rows, _ in runs])
        for name in FIGURES:
            bars[name][variant] = interval([mean_figure(rows, name) for rows, _ in runs])
        told = [
            interval(curves[variant].mean(axis=1).tolist()),
            interval([evaluation["mean_return"] for _, evaluation in runs]),
            *(bars[name][variant] for name in FIGURES),
        ]
        columns = " | ".join(f"{middle:.3g} ± {width:.2g}" for middle, width in told)
        print(f"{variant} | {columns}", flush=True)
    draw(curves, bars, options.out / "freshness.png")


if __name__ == "__main__":
    main()
