"""Whole retraining experiments at scale: protocols, their runs, and what is measured in every generation."""
