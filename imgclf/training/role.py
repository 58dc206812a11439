"""What a process does of a training that it may share with others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from imgclf.data.batch_share import WHOLE, Share
from imgclf.system.signals import StopRequest


@dataclass(frozen=True)
class Role:
    """The part of a process; by default it trains alone.

    Attributes:
        share: What it reads of each batch.
        writes: Whether it writes logs, checkpoints and commits; of several processes one does.
        stop: Ends the training at the next step when somebody asks for it.
        callbacks: Look after everything else whether to stop.
    """

    share: Share = WHOLE
    writes: bool = True
    stop: StopRequest = field(default_factory=StopRequest)
    callbacks: tuple[Any, ...] = ()
