"""What is fitted to the validation part."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score
from support.tasks import task_for

from mlp_exp.data.dataset import TaskName
from mlp_exp.data.statistics import Floats
from mlp_exp.data.target_scaling import TargetScaling
from mlp_exp.tasks.calibration import Inference
from mlp_exp.tasks.head import Head
from mlp_exp.tasks.losses import auto_loss

N_CLASSES = {"binary": 2, "multiclass": 3, "ordinal": 3}


def head_for(name: TaskName) -> Head:
    loss = auto_loss(name, N_CLASSES.get(name, 0), n_targets=3 if name == "multilabel" else 1)
    return Head(loss, task_for(name), TargetScaling())


def drawn(name: TaskName, temperature: float) -> tuple[Head, torch.Tensor, Any]:
    """A head, logits of 4,000 rows, and classes drawn with the probabilities that these have at a temperature."""
    head, rng = head_for(name), np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, 3, (4000, head.loss.out_features)).astype(np.float32)).sort(-1).values
    answers = replace(head, temperature=temperature).answers(logits)
    if name == "multilabel":
        return head, logits, (rng.random(answers.shape) < answers).astype(np.int64)
    return head, logits, (rng.random((4000, 1)) > answers.cumsum(-1)).sum(-1)


def answers_to(logits: torch.Tensor) -> Callable[[Head], Floats]:
    return lambda head: head.answers(logits)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("name", ["binary", "multiclass", "ordinal", "multilabel"])
def test_the_temperature_is_found(name: TaskName, temperature: float) -> None:
    head, logits, target = drawn(name, temperature)
    found = Inference(calibrate=True).fit(head, answers_to(logits), target, None).temperature
    assert found == pytest.approx(temperature, rel=0.1)


def test_rows_of_weight_0_do_not_calibrate() -> None:
    head, logits, target = drawn("binary", 2.0)
    wrong = np.concatenate([target, 1 - target])
    weights = np.repeat([1.0, 0.0], len(target))
    found = Inference(calibrate=True).fit(head, answers_to(torch.cat([logits, logits])), wrong, weights)
    assert found.temperature == Inference(calibrate=True).fit(head, answers_to(logits), target, None).temperature


@pytest.mark.parametrize("of_one_class", [False, True])
def test_there_is_no_temperature_where_the_rows_tell_nothing_of_it(
    of_one_class: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a mistake, any larger logits are better still."""
    head = head_for("binary")
    logits = torch.tensor([[2.0], [1.0]] if of_one_class else [[-2.0], [1.0]])
    found = Inference(calibrate=True).fit(head, answers_to(logits), (logits[:, 0] > 0).numpy().astype(np.int64), None)
    assert found.temperature == 1.0
    assert caplog.messages == ["inference.calibrate: no temperature, since the validation part tells nothing of it"]


@pytest.mark.parametrize(("metric", "score"), [("f1", f1_score), ("accuracy", accuracy_score)])
def test_of_few_rows_the_threshold_is_the_best_of_all(metric: str, score: Any) -> None:
    """Between two probabilities, or above or below all of them; 0.5 where nothing is better."""
    for seed in range(20):
        head, rng = head_for("binary"), np.random.default_rng(seed)
        logits = torch.from_numpy(rng.normal(-1, 1, (12, 1)).astype(np.float32))
        target = rng.integers(0, 2, 12)
        (threshold,) = Inference(threshold=metric).fit(head, answers_to(logits), target, None).task.thresholds
        chances = head.answers(logits)[:, 1]
        tried = [
            float(score(target, chances > at, zero_division=0) if metric == "f1" else score(target, chances > at))
            for at in (-1, *chances, 0.5)
        ]
        found = score(target, chances >= threshold)
        assert found == pytest.approx(max(tried))
        assert threshold == 0.5 or np.abs(chances - threshold).min() > 1e-9
        assert threshold == 0.5 or tried[-1] < max(tried)


def test_each_label_has_a_threshold_of_its_own() -> None:
    head, logits, target = drawn("multilabel", 1.0)
    together = Inference(threshold="f1").fit(head, answers_to(logits), target, None).task.thresholds
    for place in range(3):
        own = answers_to(logits[:, [place]])
        alone = Inference(threshold="f1").fit(head_for("binary"), own, target[:, place], None)
        assert together[place] == pytest.approx(alone.task.thresholds[0], abs=1e-6)
