"""Writes an upgrade into the git repository that holds the cluster's resources, changing only the lines that change."""
