"""Facts to what is true now: a pure fold, the same for screen, status and replay."""

from ikeview.model.dump import BadState, clone, dump, load
from ikeview.model.fold import apply
from ikeview.model.state import State
from ikeview.model.status import status

__all__ = ["BadState", "State", "apply", "clone", "dump", "load", "status"]
