"""`python -m wam.cli`."""

from wam.cli import main

main()
