"""A training run from its configuration to its files: what `agent-client train` does."""
