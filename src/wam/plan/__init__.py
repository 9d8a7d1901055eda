"""Searching for good actions: problem, objectives, planners, control. Imports only `world`."""

from wam.plan.objectives import GoalImage as GoalImage
from wam.plan.objectives import GoalState as GoalState
from wam.plan.objectives import Objective as Objective
from wam.plan.objectives import Penalty as Penalty
from wam.plan.objectives import Return as Return
from wam.plan.objectives import Reward as Reward
from wam.plan.objectives import Weighted as Weighted
from wam.plan.planners import CEM as CEM
from wam.plan.planners import ICEM as ICEM
from wam.plan.planners import MPPI as MPPI
from wam.plan.planners import Gradient as Gradient
from wam.plan.planners import Habit as Habit
from wam.plan.planners import RandomShooting as RandomShooting
from wam.plan.problem import Problem as Problem
from wam.plan.skills import AStar as AStar
from wam.plan.skills import BreadthFirst as BreadthFirst
