"""The ``driftbound`` command: what it runs, and how it says what came out."""
