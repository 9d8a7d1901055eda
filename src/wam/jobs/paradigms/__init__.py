"""One controlled experiment over the ways to couple a predicted future with actions (tutorial 3): `wam compare paradigms`."""
