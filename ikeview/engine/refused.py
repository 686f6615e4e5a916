"""The one way in which an engine does not start."""


class EngineRefused(Exception):
    """The engine cannot start; the text says in plain words why, and what to do."""
