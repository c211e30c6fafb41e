"""Measured quantities held against the claims: cases, intervals, verdicts."""
