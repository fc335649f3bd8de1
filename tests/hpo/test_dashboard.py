"""The journal of a search opens in optuna-dashboard."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest
from support.commands import clean_environment
from support.studies import open_study, train

MAIN = "from optuna_dashboard._cli import main; main()"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _get(url: str, process: "subprocess.Popen[str]") -> Any:
    """The server's answer, as soon as it gives one."""
    opener, give_up = build_opener(ProxyHandler({})), time.monotonic() + 60
    while True:
        try:
            with opener.open(url, timeout=60) as answer:
                return json.load(answer)
        except URLError:
            if process.poll() is not None or time.monotonic() > give_up:
                raise AssertionError(process.communicate(timeout=5)[1]) from None
            time.sleep(0.02)


@pytest.mark.slow
def test_its_server_reads_the_trials(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    train(study, 12)
    study.ask(2)
    port = _free_port()
    words = ["study.journal", "--storage-class", "JournalFileStorage", "--port", str(port), "--server", "wsgiref", "-q"]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *words],
        cwd=tmp_path,
        env=clean_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        api = f"http://127.0.0.1:{port}/api"
        [summary] = _get(f"{api}/studies", process)["study_summaries"]
        detail = _get(f"{api}/studies/{summary['study_id']}", process)
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert (summary["study_name"], summary["directions"]) == ("mlp_exp", ["minimize"])
    assert [(each["number"], each["state"]) for each in detail["trials"]] == [
        (each.number, {"failed": "Fail"}.get(each.state, each.state.capitalize())) for each in study.trials
    ]
    for shown, each in zip(detail["trials"], study.trials, strict=True):
        assert {param["name"] for param in shown["params"]} == set(each.params)
        assert [(step["step"], step["value"]) for step in shown["intermediate_values"]] == list(each.rungs.items())
        assert shown.get("values") == (None if each.values is None else list(each.values))
