"""Measurements of the whole and of its parts, each beside a peer or a limit of the machine."""
