"""Observations in, actions out: cloning, with or without a goal, from pictures or from another model's features."""
