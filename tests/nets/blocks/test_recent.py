"""The last W of something, and the first, against a list per row."""

import torch

from wam.nets.blocks.recent import Anchored, Recent


def test_it_keeps_the_newest_of_the_present_stretch():
    torch.manual_seed(0)
    width, rows = 3, 5
    recent, lists = Recent.none(rows, width, torch.zeros(2)), [[] for _ in range(rows)]
    for steps in (1, 2, 5, 1, 1):
        new, joined = torch.randn(rows, steps, 2), torch.rand(rows, steps) < 0.7
        recent = recent.after(new, joined)
        for row in range(rows):
            for step in range(steps):
                lists[row] = [*(lists[row] if joined[row, step] else []), new[row, step]][-width:]
        for row, kept in enumerate(lists):
            assert recent.known[row].tolist() == [False] * (width - len(kept)) + [True] * len(kept)
            assert torch.equal(recent.shown[row], torch.stack([torch.zeros(2)] * (width - len(kept)) + kept))


def test_the_first_of_the_present_stretch_stays():
    torch.manual_seed(1)
    width, rows = 2, 5
    anchored, recent, firsts = Anchored.none(rows, width, torch.zeros(2)), Recent.none(rows, width, torch.zeros(2)), [torch.zeros(2)] * rows
    assert not anchored.known.any() and not anchored.shown.any()
    begun = [False] * rows
    for steps in (1, 2, 9, 1, 1):
        new, joined = torch.randn(rows, steps, 2), torch.rand(rows, steps) < 0.7
        anchored, recent = anchored.after(new, joined), recent.after(new, joined)
        for row in range(rows):
            for step in range(steps):
                if not begun[row] or not joined[row, step]:
                    firsts[row], begun[row] = new[row, step], True
        assert anchored.known[:, 0].all() and torch.equal(anchored.shown[:, 0], torch.stack(firsts))
        assert torch.equal(anchored.known[:, 1:], recent.known) and torch.equal(anchored.shown[:, 1:], recent.shown)
