"""Training steps of a stack: layers, optimizers, batches, state."""
