"""What `agent-client` reads and prints: options from settings, summaries of runs."""
