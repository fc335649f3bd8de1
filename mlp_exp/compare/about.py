"""What runs predict, and of a single one how sure its scores are: the sentences below the page's title."""

from collections.abc import Sequence

from mlp_exp.display.numbers import score
from mlp_exp.leaderboard.entry import Entry
from mlp_exp.storage.run_folder import RunFolder


def about(entries: Sequence[Entry]) -> list[str]:
    """Target, file, task and rows, as far as they are the same in all runs with results; of one run its intervals."""
    ended = [entry for entry in entries if "task" in entry.result]
    if not ended:
        return []
    target, path = (_common([entry.settings.get(f"data.{key}", "") for entry in ended]) for key in ("target", "path"))
    predicted = " of ".join(text for text in (target, path) if text)
    task, rows = (_common([str(entry.result.get(key, "")) for entry in ended]) for key in ("task", "rows"))
    facts = [f"Predicted: {predicted}" if predicted else "", task and f"task {task}", rows and f"{int(rows):,} rows"]
    found = [f"{', '.join(filter(None, facts))}."] if any(facts) else []
    return [text[0].upper() + text[1:] for text in found] + (_intervals(ended[0]) if len(entries) == 1 else [])


def _common(texts: Sequence[str]) -> str:
    return texts[0] if len(set(texts)) == 1 else ""


def _intervals(entry: Entry) -> list[str]:
    """The scores on the test part; the entry itself has no intervals."""
    result = RunFolder(entry.folder).result() or {}
    intervals, scores = (result.get(name, {}).get("test", {}) for name in ("intervals", "metrics"))
    known = [name for name in entry.headlines if intervals.get(name) and scores.get(name) is not None]
    shown = [f"{name} {score(scores[name], tuple(intervals[name]))}" for name in known]
    return [f"On the test part, with 95 % intervals: {', '.join(shown)}."] if shown else []
