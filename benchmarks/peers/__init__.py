"""The peers, each in an environment of its own, timed by its own clock in a process that we ask."""
