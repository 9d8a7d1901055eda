"""Building blocks: tensors in, tensors out. Nothing here knows what a robot, a camera or an action is."""
