"""The page for people: its shell, style and scripts, which `replay_server.api.page` serves."""
