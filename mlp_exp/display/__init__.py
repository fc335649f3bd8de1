"""What a person sees: console and figures."""
