"""Simulated worlds: `engines` move things, `worlds` give them a look, a task and experts. Imports only `world`."""
