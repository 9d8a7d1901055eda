"""What the commands do, callable from Python: record, imagine, control, compare, demo. Only the command line imports this room."""
