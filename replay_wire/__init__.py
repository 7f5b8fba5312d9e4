"""What the replay server and its clients must agree on, and nothing else."""
