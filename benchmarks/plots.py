"""The figures of the README: a sweep beside other tools, and how a step's cost grows with the runs of a stack."""

from collections.abc import Mapping
from pathlib import Path

from harness import HERE
from joblib import cpu_count
from matplotlib.figure import Figure

from mlp_exp.display.plots.style import COLOURS, INK, line_style, marker_of, styled

IMAGES = HERE.parent / "docs" / "images"


@styled
def draw_sweep(seconds: Mapping[str, float], count: int, path: Path = IMAGES / "sweep.png") -> None:
    """Bars: runs an hour of each contender; seconds are for so many runs."""
    names = sorted(seconds, key=seconds.__getitem__, reverse=True)
    runs = [3600 * count / seconds[name] for name in names]
    figure = Figure(figsize=(7, 2.6), layout="constrained", dpi=130)
    axes = figure.subplots()
    bars = axes.barh(names, runs, color=[COLOURS[0] if name.startswith("mlp_exp") else INK for name in names])
    axes.bar_label(bars, [f"{run:,.0f}" for run in runs], padding=3)
    axes.set(
        xlabel=f"runs an hour, {count} runs of 64-32 at batch 32 on {cpu_count()} cores", xlim=(0, 1.12 * max(runs))
    )
    axes.grid(visible=False, axis="y")
    figure.savefig(path)


@styled
def draw_growth(found: Mapping[str, Mapping[int, float]], path: Path = IMAGES / "growth.png") -> None:
    """Lines: a run's share of a step by the number of runs that train together."""
    figure = Figure(figsize=(7, 3), layout="constrained", dpi=130)
    axes = figure.subplots()
    for place, (name, shares) in enumerate(found.items()):
        axes.plot([*shares], [*shares.values()], marker=marker_of(place), label=name, **line_style(place))
    axes.set(xscale="log", yscale="log", xlabel="runs in a stack", ylabel="µs of a step, each run")
    axes.legend(bbox_to_anchor=(1, 1), loc="upper left")
    figure.savefig(path)
