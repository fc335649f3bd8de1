"""What a notebook shows: tables and curves as HTML that takes its colours from the page around it."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from mlp_exp.display.numbers import in_sentence, score
from mlp_exp.errors import counted

WIDTH, HEIGHT = 420, 120
"""Of a figure, in units that the page may scale."""
COLOURS = {"train_loss": "#888", "val_loss": "#2a8fd8"}
"""Of curves, readable on white and on black."""


def table_html(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], most: int) -> str:
    """A table with its title; of more than so many rows the first ones, and how many are left out.

    >>> table_html("1 run", ["job"], [["0"]], most=9)
    '<table><caption>1 run</caption><tr><th>job</th></tr><tr><td>0</td></tr></table>'
    """
    lines = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows[:most]]
    if len(rows) > most:
        lines.append(f'<tr><td colspan="{len(rows[0])}">… {len(rows) - most} more</td></tr>')
    if header:
        lines.insert(0, f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in header)}</tr>")
    return f"<table><caption>{escape(title)}</caption>{''.join(lines)}</table>"


def scores_html(
    title: str,
    metrics: Mapping[str, Mapping[str, float | None]],
    reasons: Mapping[str, Mapping[str, str]],
    intervals: Mapping[str, Mapping[str, tuple[float, float] | None]],
) -> str:
    """The metrics of a run as a table, with a row for each metric and a column for each part.

    Args:
        metrics: values by part and name.
        reasons: likewise why there is none, which is shown instead.
        intervals: likewise the lowest and highest value, which are shown beside it.
    """

    def cell(part: str, name: str) -> str:
        value = metrics[part].get(name)
        if value is None:
            return reasons.get(part, {}).get(name, "–")
        return score(value, intervals.get(part, {}).get(name))

    names = dict.fromkeys(name for scores in metrics.values() for name in scores)
    rows = [[name, *(cell(part, name) for part in metrics)] for name in names]
    return table_html(title, ["metric", *metrics], rows, len(rows))


def curves_html(curves: Mapping[str, Sequence[float]], best_epoch: int) -> str:
    """The losses of a run as an SVG, an epoch beside the other, with a line at the best one; empty without a number.

    Args:
        curves: columns of a history, a value for each epoch; shown are those in `COLOURS`, as far as they are finite.
    """
    curves = {name: curves[name] for name in COLOURS if name in curves}
    finite = [value for values in curves.values() for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    epochs = max(map(len, curves.values()))

    def x(epoch: int) -> float:
        return WIDTH * (epoch - 1) / max(epochs - 1, 1)

    def y(value: float) -> float:
        return HEIGHT * (high - value) / ((high - low) or 1)

    lines, words = [], []
    for name, values in curves.items():
        points = [f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in enumerate(values, 1) if math.isfinite(value)]
        style = f'fill="none" stroke="{COLOURS[name]}" stroke-width="1.5"'
        lines.append(f'<polyline points="{" ".join(points)}" {style}/>')
        words.append(f'<span style="color:{COLOURS[name]}">{name}</span>')
    at = f"{x(best_epoch):.1f}"
    lines.append(f'<line x1="{at}" x2="{at}" y1="0" y2="{HEIGHT}" stroke="currentColor" stroke-dasharray="3"/>')
    box = f'viewBox="-2 -2 {WIDTH + 4} {HEIGHT + 4}" width="{WIDTH}" height="{HEIGHT}"'
    ends = f"{in_sentence(low)} to {in_sentence(high)}, {counted(epochs, 'epoch')}, best {best_epoch}"
    return f"<div>{' '.join(words)} {ends}<br><svg {box}>{''.join(lines)}</svg></div>"
