"""Commands as a user types them, for messages and pages."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PROGRAM = ("python", "-m", "mlp_exp.run")
PREDICT = ("python", "-m", "mlp_exp.predict")
REPORT = ("python", "-m", "mlp_exp.report")
EXPORT = ("python", "-m", "mlp_exp.export")
INSTALLED: Mapping[tuple[str, ...], str] = {
    PROGRAM: "mlp-exp",
    PREDICT: "mlp-predict",
    REPORT: "mlp-report",
    EXPORT: "mlp-export",
}
"""The scripts of these."""
ALLOW = "--allow"
DRY_RUN = "--dry-run"
RERUN = "rerun"
RESUME = "resume"


def program() -> str:
    """The command that trains, as `typed` here."""
    return typed(PROGRAM)


def typed(command: tuple[str, ...], arguments: Sequence[str] = ()) -> str:
    """One of our commands as whoever started this process types it: `mlp-exp`, or `python -m mlp_exp.run`."""
    is_script = Path(sys.argv[0]).stem in INSTALLED.values()
    return shlex.join([*([INSTALLED[command]] if is_script else command), *arguments])


def on_run(key: str, folder: Path, packages: Sequence[str]) -> list[str]:
    """The arguments that resume a saved run or rerun it (`key`), with the packages that its configuration needs."""
    return [f"{key}={folder}", *(f"{ALLOW}={package}" for package in packages)]
