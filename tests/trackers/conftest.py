"""MLflow reads the environment when it is imported."""

import os

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
