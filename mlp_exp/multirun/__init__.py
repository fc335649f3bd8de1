"""Many runs at once: sorted into stacks, trained by executors, described by a dry run."""
