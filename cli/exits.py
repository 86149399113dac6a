"""The exit codes of `infraforge`; scripts rely on them, so they never change their meaning."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_RUNNING: Final = 3
DEGRADED: Final = 4
INTERRUPTED: Final = 130

EXPLAINED: Final = (
    "Exit codes: 0 done; 1 failed, stderr says why; 2 wrong usage; 3 the sandbox does not run; "
    "4 it runs, but not all of it; 130 interrupted."
)


class Failure(Exception):
    """The command cannot do what was asked; the message goes to stderr and the code to the caller."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code
