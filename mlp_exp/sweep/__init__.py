"""Many runs at once: which train together, their story, and the leaderboard."""
