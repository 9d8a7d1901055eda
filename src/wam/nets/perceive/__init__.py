"""Encoders that are not learned with a world model: vision now, text, tokenizers, trackers and depth with the systems that need them."""
