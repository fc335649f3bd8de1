"""TensorBoard, MLflow and Weights & Biases, fed from the run folders by a separate process."""
