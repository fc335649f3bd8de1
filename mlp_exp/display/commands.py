"""Commands as a user types them, for messages and pages."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAM = ("python", "-m", "mlp_exp.run")
PREDICT = ("python", "-m", "mlp_exp.predict")
REPORT = ("python", "-m", "mlp_exp.report")
ALLOW = "--allow"
DRY_RUN = "--dry-run"
RERUN = "rerun"
RESUME = "resume"


def program() -> str:
    """The command of this process as it is typed."""
    return "mlp-exp" if Path(sys.argv[0]).stem == "mlp-exp" else shlex.join(PROGRAM)


def on_run(key: str, folder: Path, packages: Sequence[str]) -> list[str]:
    """The arguments that resume a saved run or rerun it (`key`), with the packages that its configuration needs."""
    return [f"{key}={folder}", *(f"{ALLOW}={package}" for package in packages)]
