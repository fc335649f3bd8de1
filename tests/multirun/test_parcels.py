"""Files that travel in pieces, and runs on a machine that does not see the command's files."""

import errno
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.stack_tasks import specs_in, task
from support.sweeps import wait_for

from mlp_exp.config.named_files import named_files, placed
from mlp_exp.experiment.elsewhere import absolute_names, below, files_to_send, moved
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.multirun.executors import parcels, wire
from mlp_exp.multirun.executors.parcels import Changes, Piece, Receiver, files_of, packed, pieces_of
from mlp_exp.storage.provenance import git_state


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "PARCEL_BYTES", 100)


def there(tmp_path: Path) -> tuple[Path, Path]:
    """A run folder of the command, and the same one below the root of a worker."""
    folder = tmp_path / "here" / "0"
    own = below(tmp_path / "root", str(folder))
    for path in (folder, own):
        path.mkdir(parents=True)
    return folder, own


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "large.pt").write_bytes(bytes(range(250)))
    sent = list(packed(pieces_of(tmp_path / "large.pt", "/run/large.pt")))
    assert [[len(piece.data or b"") for piece in parcel] for parcel in sent] == [[100], [100], [50, 0]]
    receiver = Receiver(partial(below, tmp_path / "root"))
    target = tmp_path / "root" / "run" / "large.pt"
    for parcel in sent[:-1]:
        receiver.take(parcel)
        assert not target.exists()
    assert files_of(target.parent) == []
    receiver.take(sent[-1])
    assert target.read_bytes() == bytes(range(250))

    receiver.take(sent[0])  # and no more: its worker is lost
    receiver.close()
    assert [path.name for path in target.parent.iterdir()] == ["large.pt"]
    assert target.read_bytes() == bytes(range(250))
    assert list(pieces_of(tmp_path / "gone", "/run/gone")) == []


def test_small_files_go_together() -> None:
    sent = list(packed(Piece(f"/{number}", b"x" * 40, True) for number in range(7)))
    assert [len(parcel) for parcel in sent] == [3, 3, 1]


def test_what_has_changed_comes_back(tmp_path: Path) -> None:
    """New, changed and removed files; a result with all that belongs to it, and without the worker's own paths."""
    folder, own = there(tmp_path)
    for name in ("old.csv", "stays.csv"):
        for path in (folder, own):
            (path / name).write_text(name, encoding="utf-8")
    receiver = Receiver(Path)
    changes = Changes(tmp_path / "root", [str(folder)])
    assert list(changes.so_far()) == []

    (own / "old.csv").unlink()
    (own / "plots").mkdir()
    (own / "plots" / "loss.png").write_bytes(b"png")
    (own / "result.json").write_text("{}", encoding="utf-8")
    (own / "run.log").write_text(f"in {own}: {'x' * 90}\n{own}\n", encoding="utf-8")
    (own / ".model.pt.7.tmp").write_bytes(b"half")
    (own / "link.csv").symlink_to(folder / "stays.csv")
    for parcel in changes.so_far():
        receiver.take(parcel)
    log = f"in {folder}: {'x' * 90}\n{folder}\n".encode()
    assert contents(folder) == {"plots/loss.png": b"png", "run.log": log, "stays.csv": b"stays.csv"}

    (own / "model.pt").write_bytes(str(tmp_path / "root").encode())
    (sent,) = changes.whole(str(folder))
    assert [Path(piece.path).name for piece in sent if piece.last] == ["model.pt", "result.json"]
    receiver.take(sent)
    assert (folder / "model.pt").read_bytes() == (own / "model.pt").read_bytes()
    assert (folder / "result.json").read_text(encoding="utf-8") == "{}"
    assert [*changes.so_far(), *changes.whole(str(folder))] == []


def test_what_is_appended_comes_whole(tmp_path: Path) -> None:
    folder, own = there(tmp_path)
    changes = Changes(tmp_path / "root", [str(folder)])
    receiver = Receiver(Path)
    for line in ("one", "two"):
        with (own / "run.log").open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")
        for parcel in changes.so_far():
            receiver.take(parcel)
    assert (folder / "run.log").read_text(encoding="utf-8") == "one\ntwo\n"


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/a.csv'"):
        Receiver(Path).take([Piece(str(tmp_path / "a.csv"), b"1", True)])


def test_files_that_a_configuration_names() -> None:
    split: dict[str, Any] = {"train": "a.txt", "val": None, "test": "/b.txt"}
    assert named_files({"data": {"path": ["a.csv", "b.csv"]}, "split": split}) == ["a.csv", "b.csv", "a.txt", "/b.txt"]
    assert named_files({"data": {"n_samples": 3}, "split": {"train": 0.7}}) == []
    places = {"/b.csv": "/root/b.csv"}
    assert placed("data", {"path": ["a.csv", "/b.csv"], "target": "/b.csv"}, places) == {
        "path": ["a.csv", "/root/b.csv"],
        "target": "/b.csv",
    }
    assert placed("loss", {"path": "/b.csv"}, places) == {"path": "/b.csv"}
    assert placed("split", {"train": 0.7}, places) == {"train": 0.7}


def spec_with(data: dict[str, Any], directory: Path) -> RunSpec:
    return RunSpec({"data": data, "split": {}}, str(directory / "0"), 0, directory=str(directory))


def test_files_are_found_where_the_command_sees_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a folder the tables alone; what is no file, as an address for one's own class, is not sent."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    files = [tmp_path / name for name in ("cwd/a.csv", "home/b.csv", "cwd/many/1.csv", "cwd/many/2.csv", "c.csv")]
    for file in [*files, tmp_path / "cwd" / "many" / "notes.txt"]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x", encoding="utf-8")
    paths = ["a.csv", "~/b.csv", "many", str(files[4]), "https://host/d.csv"]
    specs = [spec_with({"path": paths}, tmp_path / "cwd")] * 2
    assert files_to_send(specs) == [str(file) for file in files]
    assert absolute_names(specs) == {"~/b.csv": str(files[1]), str(files[4]): str(files[4])}


def test_a_run_moves_with_its_log_and_without_its_configuration(tmp_path: Path) -> None:
    (spec, *_) = specs_in(tmp_path)
    spec = RunSpec(**{**vars(spec), "sweep": "/s", "job": {"hydra.runtime.cwd": "/cwd", "hydra.job.name": "run"}})
    there = moved(spec, Path("/root"))
    assert (there.folder, there.sweep) == (f"/root{spec.folder}", "/root/s")
    assert there.directory == f"/root{Path(spec.directory)}"
    assert there.job == {"hydra.runtime.cwd": "/root/cwd", "hydra.job.name": "run"}
    assert there.log["handlers"]["file"]["filename"] == f"/root{spec.folder}/run.log"
    assert there.config == spec.config


def test_a_task_says_what_a_worker_cannot_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[object] = []
    monkeypatch.setattr(wire, "take_git_state", commits.append)
    sent = task(3, specs_in(tmp_path))
    text = wire.task_to_text(sent, shares_files=False)
    session = Session(root=tmp_path / "root")
    found = wire.task_at_root(text, session)
    assert [spec.folder for spec in found.specs] == [f"{tmp_path}/root{spec.folder}" for spec in sent.specs]
    assert commits == [git_state()]
    assert wire.is_wanted(text)
    assert wire.task_at_root(wire.task_to_text(sent), Session()) == sent


MAKES_A_FOLDER = """
import time
from mlp_exp.processes.private_folder import private_folder
folder = private_folder()
(folder / "file").touch()
print(folder, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_private_folder_is_gone_with_its_process(tmp_path: Path, how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAKES_A_FOLDER],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        assert folder.parent == tmp_path
        assert (folder / "file").exists()
        process.send_signal(how)
    wait_for(lambda: not folder.exists(), seconds=20)
