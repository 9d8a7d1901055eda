"""Networks. `blocks` know nothing about robots."""
