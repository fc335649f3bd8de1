"""TensorBoard, MLflow and Weights & Biases, fed from the run folders by a process of its own."""
