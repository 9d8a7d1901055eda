"""A grounder that knows what the expert did, for oracles of the oracle."""

from wam.sim.worlds.push import PushConfig, PushWorld
from wam.world import Actions, concatenate

CONFIG = PushConfig(task="instruction", objects=2, zones=2, colours=("red", "blue", "yellow", "cyan"))


class Overheard:
    """An expert, and all that it has done."""

    def __init__(self, expert):
        self.expert, self.spec, self.begin = expert, expert.spec, expert.begin
        self.done = list[Actions]()

    def act(self, memory, since, *, noise=None):
        memory, actions = self.expert.act(memory, since, noise=noise)
        self.done.append(actions)
        return memory, actions


class Tells:
    """Says the last `steps` x `every` actions of the expert, `every` per step, whatever the frames."""

    def __init__(self, expert, steps, every):
        self.expert, self.steps, self.every = expert, steps, every

    def ground(self, past, future, task, *, noise=None):
        assert all(frames.shape[1] == self.steps for frames in future.observation.rgb.values())
        done = concatenate(self.expert.done[-self.steps * self.every :], "T").low_level[:, :, 0]
        told = done.unflatten(1, (self.steps, self.every))
        return Actions(valid=told[..., 0] == told[..., 0], low_level=told)


def world(rows):
    return PushWorld(rows, CONFIG)
