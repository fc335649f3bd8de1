"""Lightning under Hydra: a job of a sweep is one run. `python lightning_app.py -m seed=0,1 lr=1e-3,1e-2`."""

import json
from pathlib import Path

import hydra
import torch
from contenders.with_lightning import train
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from work import SMALL, WORKS, make_rows


@hydra.main(version_base="1.3", config_path="conf", config_name="lightning_app")
def main(cfg: DictConfig) -> None:
    torch.set_num_threads(1)
    work = WORKS[SMALL]
    found = train(work, make_rows(work.rows, work.features), cfg.seed, cfg.lr)
    (Path(HydraConfig.get().runtime.output_dir) / "found.json").write_text(json.dumps({"lr": cfg.lr, **found}))


if __name__ == "__main__":
    main()
