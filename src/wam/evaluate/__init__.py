"""What is claimed, measured: closed-loop success, rollout cards, probes, and how sure the figures are.

row = measure_success(env, policy, name="lewm", seeds=evaluation_seeds(100))
card = rollout_card(model, held_out, training=training, positions=positions_of_objects(env.spec.objects))
"""

from wam.evaluate.baselines import Stills as Stills
from wam.evaluate.baselines import baselines as baselines
from wam.evaluate.baselines import fit_stills as fit_stills
from wam.evaluate.branches import branch as branch
from wam.evaluate.card import BranchFigure as BranchFigure
from wam.evaluate.card import Contrast as Contrast
from wam.evaluate.card import Curve as Curve
from wam.evaluate.card import Measure as Measure
from wam.evaluate.card import RolloutCard as RolloutCard
from wam.evaluate.imagine import Imagined as Imagined
from wam.evaluate.imagine import imagine as imagine
from wam.evaluate.intervals import Interval as Interval
from wam.evaluate.intervals import bootstrap_mean as bootstrap_mean
from wam.evaluate.intervals import bootstrap_means as bootstrap_means
from wam.evaluate.intervals import bootstrap_ratio as bootstrap_ratio
from wam.evaluate.intervals import paired_difference as paired_difference
from wam.evaluate.intervals import wilson as wilson
from wam.evaluate.origin import Origin as Origin
from wam.evaluate.origin import command_line as command_line
from wam.evaluate.origin import commit as commit
from wam.evaluate.origin import device_name as device_name
from wam.evaluate.origin import versions as versions
from wam.evaluate.probe import Positions as Positions
from wam.evaluate.probe import Probe as Probe
from wam.evaluate.probe import ProbeScore as ProbeScore
from wam.evaluate.probe import fit_probe as fit_probe
from wam.evaluate.probe import positions_of_objects as positions_of_objects
from wam.evaluate.probe import positions_of_proprio as positions_of_proprio
from wam.evaluate.result import Result as Result
from wam.evaluate.result import Verdicts as Verdicts
from wam.evaluate.rollouts import rollout_card as rollout_card
from wam.evaluate.sources import Sources as Sources
from wam.evaluate.sources import source_hash as source_hash
from wam.evaluate.success import SuccessDifference as SuccessDifference
from wam.evaluate.success import SuccessRow as SuccessRow
from wam.evaluate.success import compare_success as compare_success
from wam.evaluate.success import evaluation_seeds as evaluation_seeds
from wam.evaluate.success import measure_success as measure_success
