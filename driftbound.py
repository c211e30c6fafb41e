"""The command ``driftbound``, also ``python -m driftbound``: loads what it needs and runs it.

Loading takes a second or two. An interrupt in that time ends the process at once and without a traceback, whatever library is
being imported; this module therefore imports nothing of the package before it listens.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

__all__ = ["main"]

INTERRUPTED = 130


def main() -> int:
    """Run the command; returns the exit status."""
    signal.signal(signal.SIGINT, _leave)
    try:
        from numeric.command.main import main as run
    except MemoryError:
        print("driftbound: there is not enough memory to load it", file=sys.stderr)
        return 2
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return run()
    except KeyboardInterrupt:  # before or after the command's own handler
        _leave(signal.SIGINT, None)
        return INTERRUPTED


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"driftbound: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
