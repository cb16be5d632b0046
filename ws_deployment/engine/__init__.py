"""Runs pipelines of steps: plugins, graph, plan, runner, journal, events. It knows no step by name."""
