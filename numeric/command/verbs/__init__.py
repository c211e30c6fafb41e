"""The verbs of the command, one module each: ``add`` describes its arguments, ``run`` does the work."""

from numeric.command.verbs import bounds, check, claims, plan, simulate, verify

__all__ = ["VERBS"]

VERBS = (verify, claims, bounds, plan, check, simulate)
