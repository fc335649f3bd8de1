"""What a command leaves and says."""

SHORT = ("trainer.epochs=2", "trainer.device=cpu")
QUIET = (*SHORT, "trainer.plots=never")
HYDRA_FILES = {".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"}
RUN_FILES = {*HYDRA_FILES, "history.csv", "result.json", "model.pt", "checkpoint.pt", "run.log"}
FOLDER_NAME = r"\d{2}-\d{2}-\d{2}-\d{6}"


LAUNCHERS = {"stacked": [], "basic": ["hydra/launcher=basic"]}
"""The overrides that choose them; the first is the one without any."""
