"""What a configuration may ask for beside what Hydra offers: known as soon as this is imported, in every process."""

from omegaconf import OmegaConf

from mlp_exp.storage.sweep_folder import thousand

THOUSAND = "thousand"
"""`hydra.sweep.subdir='${thousand:${hydra.job.num}}/${hydra.job.num}'` puts run 3141 into 3000-3999/3141."""

OmegaConf.register_new_resolver(THOUSAND, thousand, replace=True)
