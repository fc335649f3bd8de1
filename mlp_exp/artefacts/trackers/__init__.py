"""Trackers: a process of its own brings what is in the folders of runs to TensorBoard, MLflow or Weights & Biases."""
