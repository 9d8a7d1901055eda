"""Conformance checks that any author can run on a world model, policy, planner, data set or world of their own."""

from wam.check.env import check_env as check_env
from wam.check.inverse import check_inverse as check_inverse
from wam.check.planner import check_planner as check_planner
from wam.check.policy import check_policy as check_policy
from wam.check.report import ConformanceError as ConformanceError
from wam.check.report import Finding as Finding
from wam.check.report import Report as Report
from wam.check.target import TargetError as TargetError
from wam.check.target import check_target as check_target
from wam.check.views import check_views as check_views
from wam.check.windows import check_windows as check_windows
from wam.check.world_model import check_world_model as check_world_model
