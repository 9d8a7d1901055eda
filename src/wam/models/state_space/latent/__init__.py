"""Latent-state models: an encoder gives the state, a network moves it."""
