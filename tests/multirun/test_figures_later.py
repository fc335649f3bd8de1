"""Figures of a sweep whose command was killed between the last result and the figures."""

import shutil

import pytest
from support.sweeps import Sweep, drawn, trained

WORDS = ("trainer.device=cpu", "data.n_samples=100", "trainer.epochs=3", "seed=range(4)")


@pytest.mark.slow
@pytest.mark.parametrize("plots", ["auto", "never"])
def test_they_are_drawn_when_it_is_resumed(sweep: Sweep, plots: str) -> None:
    """Those of the best two runs, as before, which are not trained again."""
    words = (*WORDS, f"trainer.plots={plots}")
    _, folder = sweep("sweep", *words)
    before, learned = drawn(folder), [trained(folder / str(job)) for job in range(4)]
    assert len(before) == (2 if plots == "auto" else 0)
    for job in before:
        shutil.rmtree(folder / str(job) / "plots")
    done, _ = sweep("sweep", *words, "resume=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert drawn(folder) == before
    assert [trained(folder / str(job)) for job in range(4)] == learned
