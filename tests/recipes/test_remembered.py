"""What is seen is encoded some frames at a time, of each window the last past frame alone, and latents come at unit scale."""

from dataclasses import replace

import torch

from tests.recipes.test_lewm import statistics
from wam.data import WindowDataset
from wam.jobs.record import record_world
from wam.recipes import latents, remembered
from wam.recipes.cosmos_predict import RECIPE
from wam.recipes.runs import frames_for


def test_latents_are_measured_some_frames_at_a_time(tmp_path, monkeypatch):
    preset = RECIPE.presets["tiny"]
    frames = frames_for(preset, record_world("push", tmp_path / "set", episodes=3, policies={"play": 1.0}, truth=()))
    windows = WindowDataset(frames, past=4, horizon=1)
    model = RECIPE.build(replace(preset.config, latent=4, codec=8, width=8, levels=2), windows.spec, statistics(windows.spec))
    asked, taken = [], []
    measure, fit = model.codec.latents, model.codec.fit
    monkeypatch.setattr(remembered, "AT_ONCE", 8)
    monkeypatch.setattr(remembered, "SEEN", 20)
    monkeypatch.setattr(model.codec, "latents", lambda seen: asked.append(tuple(next(iter(seen.rgb.values())).shape[:2])) or measure(seen))
    monkeypatch.setattr(model.codec, "fit", lambda z: taken.append(z) or fit(z))
    found = latents.remember(model, windows, tmp_path)
    assert asked[:3] == [(8, 1), (8, 1), (4, 1)] and taken[0].shape == (20, *model.codec.shape)
    z = found.batch(torch.arange(20)).past.observation.state.z
    assert z.shape == (20, 4, *model.codec.shape) and 0.5 < float(z.float().std()) < 2
