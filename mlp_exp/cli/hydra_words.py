"""Words of Hydra's command line."""

LAUNCHER = "hydra/launcher"
RUN_DIR = "hydra.run.dir="
SWEEP_DIR = "hydra.sweep.dir="
SUBDIR = "hydra.sweep.subdir"
BY_THOUSAND = "${by_thousand:}"
"""Its value for folders in sub-folders of a thousand."""
