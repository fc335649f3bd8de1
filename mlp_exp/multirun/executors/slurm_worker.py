"""What a Slurm job does: trains a task, and writes its events to a file that the command reads."""

import logging
import os
import signal

from mlp_exp.experiment.session import Session
from mlp_exp.multirun.executors.there import train_there
from mlp_exp.signals import ASKS_TO_END, terminate_once


def train(text: str, events: str, cores: int, *, alone: bool) -> None:
    """Trains a task; its runs are saved when the job is asked to end.

    Args:
        text: made by `task_to_text`.
        events: path of the file, made here; one that is there already is of an earlier start of this job, whose runs
            were sent again.
        alone: whether the process is there for this job, and may take its signals.
    """
    try:
        os.close(os.open(events, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        return

    def send(event: str) -> None:
        file = os.open(events, os.O_APPEND | os.O_WRONLY)  # closed each time, as a shared drive shows it only then
        try:
            os.write(file, f"{event}\n".encode())
        finally:
            os.close(file)

    if alone:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which passes it on
        for number in ASKS_TO_END:
            signal.signal(number, terminate_once)
    else:
        for handler in logging.getLogger().handlers:
            handler.close()  # submitit's debug executor leaves its files open
    train_there(text, send, Session(is_worker=True), cores)
