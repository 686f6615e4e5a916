"""The files that come with the program, ``themes`` and ``config``: from the installed package or the source tree."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal


def resource(kind: Literal["themes", "config"]) -> Traversable:
    """The folder with themes or with the annotated example configuration. Raises ``FileNotFoundError`` if neither the
    wheel (``ikeview/_themes``) nor the source tree (``themes`` beside the package) has it."""
    package = files("ikeview")
    installed = package / f"_{kind}"
    if installed.is_dir():
        return installed
    if isinstance(package, Path):
        source = package.parent / kind
        if source.is_dir():
            return source
    raise FileNotFoundError(f"the {kind} folder of ikeview is missing: install ikeview again")
