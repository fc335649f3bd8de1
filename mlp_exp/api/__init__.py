"""The package from Python: `train`, `sweep`, `search`, `load`, `results`."""
