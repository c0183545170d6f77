"""The one way in which firedrill says no: what happened, why, and what to type next."""

from __future__ import annotations


class Problem(Exception):
    """An input or a machine that firedrill cannot work with. Commands print it and exit with `EXIT_CODE`.

    `what` names the thing in the user's words, `why` the cause that was seen, `remedy` a line that can be typed.
    """

    EXIT_CODE = 2

    def __init__(self, what: str, *, why: str, remedy: str) -> None:
        super().__init__(what, why, remedy)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n  why:  {self.why}\n  do:   {self.remedy}"
