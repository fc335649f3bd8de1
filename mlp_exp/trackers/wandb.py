"""Weights & Biases: one W&B run for each run, and a group for each sweep."""

import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mlp_exp.trackers.tracker import Epoch, TrackedRun, Tracker, final_metrics, succeeded


class WandB(Tracker):
    """Keeps all runs open to the end, since the figures of a sweep's best runs are drawn last.

    `mode` is `offline` or `online`; the folder wandb/ is created in `dir`.
    """

    package = "wandb"

    def __init__(self, mode: str, project: str, dir: str) -> None:
        self.mode = mode
        self.project = project
        self.dir = dir

    def open(self) -> None:
        self._runs: dict[Path, Any] = {}
        self._exit_codes: dict[Path, int] = {}
        Path(self.dir).mkdir(parents=True, exist_ok=True)  # W&B falls back to another one
        self._wandb.setup()

    @cached_property
    def _wandb(self) -> Any:
        import wandb

        return wandb

    def begin(self, run: TrackedRun) -> None:
        settings = self._wandb.Settings(
            console="off", silent=True, symlink=False, disable_git=True, x_disable_stats=True, x_save_requirements=False
        )
        run.id = run.id or secrets.token_hex(4)
        self._runs[run.folder] = self._wandb.init(
            mode=self.mode,
            project=self.project,
            dir=self.dir,
            group=run.group,
            name=run.name,
            id=run.id,
            config=dict(run.params),
            resume=None if self.mode == "offline" else "allow",  # `wandb sync` merges offline parts of one id
            reinit="create_new",
            settings=settings,
        )

    def write(self, run: TrackedRun, epochs: Sequence[Epoch], result: Mapping[str, Any] | None) -> None:
        open_run = self._runs[run.folder]
        for epoch in epochs:
            open_run.log({**epoch.values, "_timestamp": epoch.time}, step=epoch.number)
        if result is not None:
            open_run.summary.update({"status": result["status"], **final_metrics(result)})
            self._exit_codes[run.folder] = int(not succeeded(result))

    def attach(self, run: TrackedRun, file: Path) -> None:
        self._runs[run.folder].save(file, base_path=run.folder, policy="now")

    def finish(self, run: TrackedRun) -> None:
        self._runs[run.folder].finish(exit_code=self._exit_codes[run.folder])

    def close(self) -> None:
        self._wandb.teardown()
