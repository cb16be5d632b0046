"""Thin adapters, one a tool or protocol. None of them knows why it is called."""
