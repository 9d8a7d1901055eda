"""A pretrained text model reads what a run is told: it trains, loads, and follows tables with words that its data never said; older runs go on."""

import json
from dataclasses import replace

import pytest
import torch

from tests.nets.perceive.test_text import written
from wam.jobs.record import record_world
from wam.nets.perceive.text import PretrainedTextEncoder
from wam.recipes import load, train_recipe
from wam.train import CheckpointError
from wam.world import Noise, Past, Task

ASKED = {"task": "instruction", "zones": 2}
NARROW = {
    "diffusion_policy": {"dim": 32, "width": 8, "channels": 16, "steps": 2},
    "uwm": {"dim": 16, "depth": 1, "heads": 2, "condition": 16, "eye": 8, "steps": 2},
    "unipi": {"width": 8, "levels": 2, "condition": 16, "steps": 2, "inverse": 16},
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_world("push", tmp_path_factory.mktemp("push") / "set", episodes=6, policies={"expert": 1.0}, options=ASKED, truth=())


@pytest.mark.parametrize("name", NARROW)
def test_trains_loads_and_reads_another_table(name, recorded, tmp_path):
    written(tmp_path / "text")
    sized = NARROW[name]

    def change(preset):
        return replace(preset, config=replace(preset.config, text=str(tmp_path / "text"), **sized))

    run = train_recipe(name, recorded, tmp_path / "run", change=change, steps=1, show=False)
    again = load(run.folder)
    assert any(isinstance(part, PretrainedTextEncoder) for part in again.model.modules()) and again.preset.config.text == str(tmp_path / "text")
    table = ("stop", "push the blue disc", "lift the yellow cup")  # no word encoder would read the last one
    again.read(table)
    policy, rows = again.policy(), 2
    assert policy.spec.sentences == table
    seen = Past(observation=policy.spec.observes.sample(rows, 1), actions=policy.spec.acts.nothing(rows, 1))
    memory = policy.begin(rows, Task(instruction=torch.tensor([1, 2])))
    assert policy.act(memory, seen, noise=Noise.of(range(rows)))[1].low_level.isfinite().all()
    fresh = load(run.folder).model.state_dict()
    assert all(torch.equal(value, fresh[name]) for name, value in again.model.state_dict().items())  # a table is not a weight


def test_a_run_from_before_a_choice_was_there_loads_and_goes_on(recorded, tmp_path):
    def change(preset):
        return replace(preset, config=replace(preset.config, **NARROW["diffusion_policy"]))

    run = train_recipe("diffusion_policy", recorded, tmp_path / "run", change=change, steps=1, show=False)
    (head,) = (tmp_path / "run").rglob("checkpoint.json")
    told = json.loads(head.read_text())
    assert told["config"].pop("text") == ""
    head.write_text(json.dumps(told))
    assert load(run.folder).preset.config == run.preset.config
    assert train_recipe("diffusion_policy", recorded, tmp_path / "run", change=change, steps=1, show=False, resume=True).preset == run.preset
    written(tmp_path / "text")
    with pytest.raises(CheckpointError, match=r"config\.text was , is .*text"):
        train_recipe(
            "diffusion_policy",
            recorded,
            tmp_path / "run",
            change=lambda preset: replace(change(preset), config=replace(change(preset).config, text=str(tmp_path / "text"))),
            steps=1,
            show=False,
            resume=True,
        )
