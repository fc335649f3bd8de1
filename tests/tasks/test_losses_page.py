"""docs/how-to/loss.md is true: it names every option, and its class trains as it says."""

import re
from typing import Any

import torch
from support.members import histories, make_member
from support.page_blocks import blocks_of
from support.project import CONF, ROOT

from mlp_exp.tasks.losses import Loss

PAGE = (ROOT / "docs" / "how-to" / "loss.md").read_text(encoding="utf-8")


def test_every_option_is_in_the_table() -> None:
    rows = re.findall(r"^\| (`.*?`) \| ", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {path.stem for path in (CONF / "loss").glob("*.yaml")}


def test_the_class_is_a_loss_with_its_own_gradient() -> None:
    (example,) = [block.text for block in blocks_of(PAGE) if block.file == "absolute.py"]
    names: dict[str, Any] = {}
    exec(example, names)
    loss: Loss = names["AbsoluteError"]("regression", 2)
    logits, target = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]])
    assert loss.value(logits, target).tolist() == [2.5]
    assert loss.gradient(logits, target).tolist() == [[0.5, -0.5]]
    torch.testing.assert_close(Loss.gradient(loss, logits, target), loss.gradient(logits, target))
    (records,) = histories([make_member("regression", loss=names["AbsoluteError"]("regression"))])
    assert records[-1].train_loss < records[0].train_loss
