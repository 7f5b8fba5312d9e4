"""Comparisons as tables and as a picture, for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.harness import Comparison

__all__ = ["draw_plot", "write_tables"]

_BEGIN = "<!-- written by `make bench`: begin -->"
_END = "<!-- written by `make bench`: end -->"


def write_tables(
    document: Path, comparisons: Sequence[Comparison], provenance: Mapping[str, str]
) -> None:
    """Put tables between the marks of a document; what stands around them is left alone."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    lines = [_BEGIN, "", "; ".join(f"{name} {value}" for name, value in provenance.items()), ""]
    for comparison in comparisons:
        goals = [
            f"{word} {goal:,.6g}"
            for word, goal in (("bar", comparison.bar), ("aim", comparison.aim))
            if goal is not None
        ]
        lines += [
            f"**{comparison.title}**" + (f" ({', '.join(goals)})" if goals else ""),
            "",
            f"| | median, {comparison.unit} | middle half | time, as a ratio |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| {name} | {median:,.5g} | {low:,.4g} to {high:,.4g} | {ratio:.2f} |"
            for name, median, low, high, ratio in comparison.rows()
        ]
        lines += ["", comparison.note, ""] if comparison.note else [""]
    document.write_text(f"{before}{chr(10).join(lines)}{_END}{after}", encoding="utf-8")


def draw_plot(picture: Path, comparisons: Sequence[Comparison]) -> None:
    """Draw every contender's time beside the first one's, on a logarithmic axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    bars = [
        (f"{comparison.title}: {name}", ratio)
        for comparison in comparisons
        for name, *_, ratio in comparison.rows()
        if ratio != 1
    ]
    figure, axes = pyplot.subplots(figsize=(10, 0.25 * len(bars) + 1))
    axes.barh([name for name, _ in bars], [ratio for _, ratio in bars])
    axes.set_xscale("log")
    axes.axvline(1, color="black")
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=6)
    axes.set_xlabel("time a unit, as a ratio to the first contender's")
    figure.tight_layout()
    figure.savefig(picture, dpi=120)
