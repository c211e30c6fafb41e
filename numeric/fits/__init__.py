"""Fits to finitely many points, in mean: refitted Gaussians, their score error, weighted means."""
