"""What the commands of `wam use` do: evaluate policies in a model, make data with it, let it choose among a policy's actions."""
