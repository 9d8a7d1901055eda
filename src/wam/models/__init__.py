"""World models and policies by their place in the design space."""
