"""What a trained run is good for: predictions, alone or averaged, and files for other runtimes."""
