"""Worlds to act in, each with its experts and skills."""
