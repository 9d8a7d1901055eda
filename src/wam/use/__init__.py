"""Uses of a model: as an environment, to evaluate policies, to make data, to judge, and to choose among the actions of a policy."""
