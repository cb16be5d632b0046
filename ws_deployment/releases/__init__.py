"""Releases of workload clusters, and upgrades from one to the next by a reviewed diff. Needs no other pipeline."""
