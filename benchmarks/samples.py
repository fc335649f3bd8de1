"""Which functions a command spends its processor time in, by py-spy's samples."""

import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import measured

RATE = 100
"""Samples a second of each process."""
REST = "the rest"
Phases = Mapping[str, str]


def sampled(command: Sequence[str], phases: Phases, rest: str = REST) -> dict[str, float]:
    """Seconds of processor time by phase, of a command that may start others.

    Args:
        phases: the function whose time, with all that it calls, is a phase, as `name (file`; the innermost has it.
        rest: the phase of everything else.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record = [str(Path(sys.executable).with_name("py-spy")), "record", "--subprocesses", "--format", "raw"]
        measured([*record, "--rate", str(RATE), "--output", "samples", "--", *command], folder)
        lines = (folder / "samples").read_text(encoding="utf-8").splitlines()
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        found = (
            phase for frame in reversed(stack.split(";")) for phase, function in phases.items() if function in frame
        )
        counts[next(found, rest)] += int(count)
    return {phase: counts[phase] / RATE for phase in (*phases, rest)}
