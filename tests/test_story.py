"""A sweep, and all that is done with it later: what each command says first and leaves, in one go.

Each command has tests of its own, most of which `make test-quick` leaves out.
"""

import csv
from pathlib import Path

from support.commands import Command, said
from support.folders import files_in, leaderboard_of, result_of
from support.sweeps import jobs_in

from mlp_exp.inference.loading import load

ROWS = [(i / 10, (i * 7 % 13) / 5, "ab"[i % 2], "high" if i * 7 % 13 > 6 else "low") for i in range(60)]


def test_from_a_table_to_predictions(command: Command, tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("size", "age", "kind", "price"), *ROWS])
    table = ("data=table", "data.path=rows.csv", "data.target=price", "trainer.device=cpu")
    sweep = ("-m", *table, "trainer.steps=60", "optimizer.lr=1e-2,3e-2", "model.hidden_sizes=[8],[8,8]")

    quick = ("trainer.plots=never", "baselines=none")

    described = said(command("run", *sweep, "--dry-run"))
    assert described[-1].endswith("Nothing was trained.")
    done = command("run", *sweep, "hydra.sweep.dir=sweep")
    assert (done.returncode, done.stderr) == (0, "")
    folders = jobs_in(tmp_path / "sweep")
    assert [result_of(folder)["stacked"] for folder in folders] == [2] * 4
    best = leaderboard_of(tmp_path / "sweep")[0]
    assert float(best["val_accuracy"]) >= 0.8
    assert {f"plots/{name}.png" for name in ("loss", "roc", "calibration", "confusion_matrix")} <= files_in(
        tmp_path / "sweep" / best["folder"]
    )
    assert (tmp_path / "sweep" / "report.html").stat().st_size > 1_000_000

    alone = command("run", *table, "trainer.steps=60", "optimizer.lr=3e-2", "model.hidden_sizes=[8]", *quick)
    assert alone.returncode == 0
    again = said(command("run", f"rerun={folders[3]}", "hydra.run.dir=again"))
    assert any(line.startswith("identical to ") for line in again)
    (folders[0] / "result.json").unlink()
    (folders[0] / "checkpoint.pt").unlink()
    assert command("run", *sweep, "hydra.sweep.dir=sweep", "resume=true").returncode == 0
    assert [result_of(folder)["stacked"] for folder in folders] == [1, 2, 2, 2]
    assert command("report", "sweep", "again", "-o", ".").returncode == 0
    statuses = [row["status"] for row in leaderboard_of(tmp_path)]
    assert {*statuses[:5]} <= {"finished", "stopped_early"}
    assert statuses[5:] == ["baseline"] * 3

    predicted = said(command("predict", "sweep", "rows.csv", "-o", "out.csv", "--target", "price", "--top", "3"))
    assert predicted[-1] == "60 predictions: out.csv"
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        assert [row["prediction"] for row in csv.DictReader(file)].count("high") > 10
    assert load(folders[0]).predict({"size": [1.0], "age": [2.0], "kind": ["a"]})[0] in ("high", "low")
