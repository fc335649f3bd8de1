"""Configuration: schema, validation, error messages and Hydra's command line."""
