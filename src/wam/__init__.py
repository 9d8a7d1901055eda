"""World models and world action models behind one small interface."""
