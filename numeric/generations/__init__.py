"""One retraining round: score errors, the exact routes, and the simulated one."""
