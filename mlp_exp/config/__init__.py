"""Configuration: schema, validation, names of components, and what a saved configuration may name."""
