"""Searching continuous action sequences: frozen dataclasses with `plan(problem, warm=..., noise=...) -> Plan`."""

from wam.plan.planners.cem import CEM as CEM
from wam.plan.planners.gradient import Gradient as Gradient
from wam.plan.planners.habit import Habit as Habit
from wam.plan.planners.icem import ICEM as ICEM
from wam.plan.planners.mppi import MPPI as MPPI
from wam.plan.planners.random_shooting import RandomShooting as RandomShooting
