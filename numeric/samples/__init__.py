"""Laws that are known by samples only: drift, distances and their confidence intervals."""
