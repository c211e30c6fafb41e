"""Many retraining rounds: what each trains on, the exact route, and fits to finitely many points."""
