"""Physics: `step(state, action, parameters) -> state`, without looks or tasks."""
