"""The proof kernel in its parts; ``theory.proof`` is the page to read, and the names to import."""
