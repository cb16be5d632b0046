"""What people and machines see of a run: readers of the engine's events."""
