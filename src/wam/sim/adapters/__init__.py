"""Worlds around worlds: clocks, and other libraries' environments."""
