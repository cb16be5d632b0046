"""The versioned config: its models, and the loader that tells faults by line and column."""
