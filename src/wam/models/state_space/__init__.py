"""Models that predict a state: latent vectors, tracks, facts, physical variables (tutorial 2.2)."""
