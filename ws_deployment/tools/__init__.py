"""Finds, builds and runs the programs that others need. Nothing here knows what they are used for."""
