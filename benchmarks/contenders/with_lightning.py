"""PyTorch Lightning, in the mode that its documentation names the fastest (`barebones`)."""

import logging
import time
import warnings

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader
from work import Rows, Work

from contenders.guide_loop import accuracy, network, tensors

warnings.filterwarnings("ignore", module="lightning")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Classifier(lightning.LightningModule):
    def __init__(self, layers: list[nn.Module], lr: float) -> None:
        super().__init__()
        self.net = nn.Sequential(*layers)
        self.lr = lr

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr)


def train(work: Work, rows: Rows, seed: int, lr: float) -> dict[str, float]:
    lightning.seed_everything(seed, verbose=False)
    model = Classifier(network(work), lr)
    loader = DataLoader(tensors(rows), batch_size=work.batch, shuffle=True)
    trainer = lightning.Trainer(max_epochs=work.epochs, accelerator="cpu", devices=1, barebones=True)
    start = time.perf_counter()
    trainer.fit(model, loader)
    seconds = time.perf_counter() - start
    model.eval()
    with torch.no_grad():
        return {"seconds": seconds, "accuracy": accuracy(model.net(torch.from_numpy(rows.test_x)), rows)}
