"""Networks as plain torch modules, activations and initial weights."""
