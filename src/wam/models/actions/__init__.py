"""The ladder of actions: how low-level, interface, latent and language actions enter a model."""
