"""What people record while they retrain: losses, noise schedules, drifts, and what they amount to."""
