"""World action models: a predicted future coupled with executable actions (tutorial 3)."""
