"""What is in the folders of runs arrives in TensorBoard, MLflow and W&B."""

import json
import struct
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command
from support.tracking import FILES, FINAL, METRICS, PARAMS, SMALL, final, history, words

from mlp_exp.display import figures
from mlp_exp.experiment import after
from mlp_exp.experiment.run import Run
from mlp_exp.multirun import sweep as story
from mlp_exp.multirun.executors import work
from mlp_exp.processes.helper import IN_PLACE, Helper
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.trackers.mlflow import MLflow
from mlp_exp.trackers.process import TrackingServer
from mlp_exp.trackers.tracker import Param

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

# ---- what the backends hold


class Tracked:
    """A run as it is read back.

    Attributes:
        series: values by metric and step; an epoch that was tracked twice fails here.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = dict(params)
        self.series: dict[str, dict[int, float]] = {}
        self.files: set[str] = set()

    def add(self, name: str, step: int, value: float) -> None:
        assert step not in self.series.setdefault(name, {}) or name not in METRICS, (name, step)
        self.series[name][step] = value

    def check(self, folder: Path, params: Mapping[str, Any], files: set[str]) -> None:
        """Whether all that is in the run's folder is here."""
        said, found = history(folder), final(folder)
        for name in METRICS:
            wanted = dict(zip(map(int, said["epoch"]), said[name], strict=True))
            assert self.series[name] == pytest.approx(wanted, rel=1e-6), name
        for name, value in found.items():
            assert self.series[name][max(self.series[name])] == pytest.approx(value, rel=1e-6), name
        assert set(FINAL) <= set(found)
        assert {key: self.params.get(key) for key in params} == params
        assert not [key for key in self.params if key.startswith("tracker")]
        assert self.files == files


def in_mlflow(database: Path) -> tuple[Any, dict[str, Any]]:
    """A client, and its runs by the folder that they are of."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{database}")
    experiment = client.get_experiment_by_name("mlp_exp")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    by_folder = {run.data.tags["mlp_exp.folder"]: run for run in runs}
    assert len(by_folder) == len(runs)  # no folder has two
    return client, by_folder


def read_mlflow(client: Any, run: Any) -> Tracked:
    found = Tracked(run.data.params)
    for name in run.data.metrics:
        for point in client.get_metric_history(run.info.run_id, name):
            found.add(name, point.step, point.value)
    todo = [None]
    while todo:
        for entry in client.list_artifacts(run.info.run_id, todo.pop()):
            if entry.is_dir:
                todo.append(entry.path)
            else:
                found.files.add(entry.path)
    return found


def read_tensorboard(folder: Path) -> tuple[Tracked, Any]:
    """The run, and the accumulator that TensorBoard itself would look at."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0, "images": 0}).Reload()
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    hparams = metadata.parse_session_start_info_plugin_data(content).hparams
    found = Tracked({key: getattr(value, str(value.WhichOneof("kind"))) for key, value in hparams.items()})
    for name in events.Tags()["scalars"]:
        for event in events.Scalars(name):
            found.add(name, event.step, event.value)
    found.files = {f"{name}.png" for name in events.Tags()["images"]}
    return found, events


def records(file: Path) -> Iterator[Any]:
    """The records of an offline run: a LevelDB log."""
    from wandb.proto.wandb_internal_pb2 import Record

    content = file.read_bytes()
    assert content.startswith(b":W&B")
    place, record, block = 7, b"", 2**15
    while place + 7 <= len(content):
        if block - place % block < 7:
            place += block - place % block
        _, size, kind = struct.unpack("<IHB", content[place : place + 7])
        record += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):
            yield Record.FromString(record)
            record = b""


def read_wandb(place: Path, run_id: str) -> tuple[Tracked, Any]:
    """The run, put together from all offline parts of this id, and what the first of them says of it."""
    found, about = Tracked({}), None
    for file in sorted(place.glob(f"offline-run-*-{run_id}/run-{run_id}.wandb")):
        summary: dict[str, float] = {}
        for record in records(file):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                about = about or record.run
                found.params |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            if kind == "history":
                row = {(item.key or item.nested_key[0]): json.loads(item.value_json) for item in record.history.item}
                for name in METRICS:
                    found.add(name, int(row["_step"]), row[name])
            if kind == "summary":
                summary |= {item.key: json.loads(item.value_json) for item in record.summary.update if item.key}
            if kind == "files":
                found.files |= {entry.path for entry in record.files.files}
                assert all((file.parent / "files" / entry.path).is_file() for entry in record.files.files)
        for name, value in summary.items():
            if name == "seconds" or name.startswith("best/"):
                found.series[name] = {0: value}  # W&B has a summary where the others have a series
    return found, about


def no_word() -> None:
    """For a server that nobody listens to."""


def remembered(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "tracker.json").read_text(encoding="utf-8")))


# ---- a sweep, and what goes on from it


SWEEP = ("-m", *SMALL, "trainer.plots=auto", "optimizer.lr=0.01", "seed=0,1", "tracker=none,tensorboard,mlflow,wandb")
JOBS = {"none": (0, 4), "tensorboard": (1, 5), "mlflow": (2, 6), "wandb": (3, 7)}


@pytest.fixture
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """One small figure for every run of a sweep, in the place of those that take a second each."""

    def quick_draw(run: Run, helper: Helper = IN_PLACE) -> None:
        figures.write(run.folder.path, {"loss": ({"epoch": [1], "train_loss": [1.0]}, 1)})

    for module in (story, after):
        monkeypatch.setattr(module, "begin_drawing", partial(partial, quick_draw))
    monkeypatch.setattr(work, "draw", quick_draw)
    monkeypatch.setattr(story, "BEST_DRAWN", 99)


def check_numbers(sweep: Path) -> None:
    """Whether the runs of a seed came out the same, to the last byte, whatever their tracker is."""
    for jobs in zip(*JOBS.values(), strict=True):
        for file in ("history.csv", "model.pt"):
            assert len({(sweep / str(job) / file).read_bytes() for job in jobs}) == 1, file
    assert not (sweep / "0" / "tracker.json").exists()


def check_mlflow(
    sweep: Path, params: Mapping[str, Any] = PARAMS, children: tuple[int, ...] = JOBS["mlflow"]
) -> set[str]:
    """Whether MLflow has a sweep's runs below one parent; returns the names of all its runs."""
    client, runs = in_mlflow(sweep.parent / "outputs" / "mlflow.db")
    parent = runs[str(sweep)]
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["mlflow.runName"] == f"{sweep.parent.name}/{sweep.name}"
    assert read_mlflow(client, parent).files == {"leaderboard.csv", "report.html"}
    for file in ("leaderboard.csv", "report.html"):
        kept = sweep.parent / "outputs" / "mlruns" / parent.info.run_id / "artifacts" / file
        assert kept.read_bytes() == (sweep / file).read_bytes()
    for job in children:
        folder = sweep / str(job)
        run = runs[str(folder)]
        tags = run.data.tags
        assert (tags["mlflow.parentRunId"], tags["mlp_exp.status"]) == (parent.info.run_id, "finished")
        assert tags["mlflow.runName"] == f"{sweep.name}/{job}"
        assert run.info.status == "FINISHED"
        assert run.info.start_time / 1000 + history(folder)["seconds"][-1] < run.info.end_time / 1000
        drawn = {"plots/loss.png"} if (folder / "plots").exists() else set()
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in params.items()}
        read_mlflow(client, run).check(folder, texts, FILES | drawn)
        assert remembered(folder)["id"] == run.info.run_id
    return {run.info.run_id for run in runs.values()}


def check_tensorboard(sweep: Path) -> None:
    for job in JOBS["tensorboard"]:
        folder = sweep / str(job)
        found, events = read_tensorboard(folder)
        found.check(folder, PARAMS, {"plots/loss.png"})
        image = events.Images("plots/loss")[0]
        assert image.encoded_image_string == (folder / "plots" / "loss.png").read_bytes()
        assert (image.width, image.height) == (768, 576)
        assert {"config.yaml", "result.json"} <= set(events.Tags()["tensors"])
        times = [event.wall_time for event in events.Scalars("train_loss")]
        seconds = history(folder)["seconds"]
        assert [when - times[0] for when in times] == pytest.approx([when - seconds[0] for when in seconds], abs=1e-5)
        assert times[-1] == pytest.approx((folder / "history.csv").stat().st_mtime, abs=1e-5)


def check_wandb(sweep: Path, params: Mapping[str, Any] = PARAMS) -> None:
    place = sweep.parent / "outputs" / "wandb"
    for job in JOBS["wandb"]:
        folder = sweep / str(job)
        found, run = read_wandb(place, remembered(folder)["id"])
        found.check(folder, params, FILES | {"plots/loss.png"})
        group = f"{sweep.parent.name}/{sweep.name}"
        assert (run.display_name, run.run_group, run.project) == (f"{sweep.name}/{job}", group, "mlp_exp")


@pytest.mark.usefixtures("quick_figures")
def test_a_sweep_and_what_goes_on_from_it(command: Command, tmp_path: Path) -> None:
    """In every tracker; the runs of all trackers form one stack."""
    sweep = tmp_path / "s"
    done = command("run", *SWEEP, "hydra.sweep.dir=s")
    assert (done.returncode, words(done)) == (0, [])
    assert done.stdout.startswith("8 runs in ")
    check_numbers(sweep)
    check_tensorboard(sweep)
    check_wandb(sweep)
    runs = check_mlflow(sweep)
    assert len(runs) == 3

    for job in (1, 2, 3):  # as if they had not begun when the sweep was killed
        for file in ("result.json", "checkpoint.pt"):
            (sweep / str(job) / file).unlink()
    done = command("run", *SWEEP, "hydra.sweep.dir=s", "resume=true")
    assert (done.returncode, words(done)) == (0, [])
    assert check_mlflow(sweep) == runs
    check_tensorboard(sweep)
    check_wandb(sweep)

    for job in (2, 3):
        done = command("run", f"resume={sweep / str(job)}", "trainer.epochs=5")
        assert (done.returncode, words(done)) == (0, [])
        assert history(sweep / str(job))["epoch"] == [1, 2, 3, 4, 5]
    longer = {key: value for key, value in PARAMS.items() if key != "trainer.epochs"}
    assert check_mlflow(sweep, longer) == runs
    check_wandb(sweep, longer)
    check_a_stop_in_the_first_epoch(tmp_path / "outputs" / "mlflow.db")


def check_a_stop_in_the_first_epoch(database: Path) -> None:
    """Whether MLflow takes up such a run, whose parameters it has already, and names that it would refuse."""
    folder = RunFolder(database.parent / "stopped")
    folder.path.mkdir()

    def track(params: dict[str, Param]) -> None:
        server = TrackingServer(no_word)
        server.begin(MLflow(f"sqlite:///{database}", "mlp_exp"), "MLflow", folder.path, params, 1.0, None)
        server.close()

    track({"trainer.epochs": 3, "model.a,b(c)": 1})
    assert in_mlflow(database)[1][str(folder.path)].info.status == "KILLED"
    folder.write_history(["epoch", "val_f(1)", "seconds"], [[1, 0.5, 1.0]])
    folder.write_result({"status": "finished", "metrics": {}})
    track({"trainer.epochs": 4, "model.a,b(c)": 2, "new": 1})
    run = in_mlflow(database)[1][str(folder.path)]
    assert run.info.status == "FINISHED"
    assert run.data.params == {"trainer.epochs": "3", "model.a_b_c_": "1", "new": "1"}
    assert run.data.metrics == {"val_f_1_": 0.5}
