"""Operators of a symbolic model: well formed, and in agreement with what its predict does."""

import dataclasses

import torch

from wam.check.runner import CheckFailed, CheckSkipped
from wam.check.world_model.capabilities import require
from wam.check.world_model.subject import WorldModelSubject
from wam.world import Facts, FactsSpec, Operator, Operators


def operators_are_well_formed(subject: WorldModelSubject) -> None:
    """Operators: atoms and skills exist in the spec, nothing is both needed and forbidden or added and deleted, costs are positive."""
    require(subject, Operators)
    facts, skills = subject.spec.predicts.state, subject.spec.consumes.skills
    if not isinstance(facts, FactsSpec):
        raise CheckFailed("spec.predicts.state is no FactsSpec", "Operators speak of facts.", "Declare predicts=FutureSpec(state=FactsSpec(...)).")
    atoms = range(len(facts.atoms))
    operators = subject.model.operators()
    for operator in operators:
        named = operator.needs | operator.forbids | operator.adds | operator.deletes
        for wrong, came in (
            (bool(named - set(atoms)), f"names the atoms {sorted(named - set(atoms))} of {len(atoms)}"),
            (not 0 <= operator.skill < len(skills), f"uses skill {operator.skill} of {len(skills)}"),
            (bool(operator.needs & operator.forbids), f"needs and forbids the atoms {sorted(operator.needs & operator.forbids)}"),
            (bool(operator.adds & operator.deletes), f"adds and deletes the atoms {sorted(operator.adds & operator.deletes)}"),
            (not operator.cost > 0, f"costs {operator.cost}"),
        ):
            if wrong:
                raise CheckFailed(f"{operator.name} {came}", "Indices of another vocabulary, or a slip in the domain.", "Index into spec.predicts.state.atoms.")
    if not operators or len({operator.name for operator in operators}) != len(operators):
        raise CheckFailed(f"{len(operators)} operators, not all named differently", "Grounding gave duplicates or nothing.", "Ground each operator once.")


def operators_agree_with_predict(subject: WorldModelSubject) -> None:
    """Operators: where the model observes its facts, predict does to them what the operator's effects say."""
    require(subject, Operators)
    facts, acts = subject.spec.predicts.state, subject.spec.consumes
    if not isinstance(facts, FactsSpec) or subject.spec.observes.state != facts or acts.per_step != 1:
        raise CheckSkipped("the model does not observe the facts that it predicts, or takes several skills per step")
    operators: tuple[Operator, ...] = subject.model.operators()
    batch = len(operators)
    past, actions = subject.past(1, 1, batch), subject.actions(1, subject.spec.chunk, batch)
    state = past.observation.state
    if subject.spec.chunk != 1 or not isinstance(state, Facts) or actions.skill is None or actions.arguments is None:
        raise CheckSkipped("the model predicts several steps at once, or takes no skills")
    holds, wanted = state.holds.clone(), state.holds.clone()
    skill, arguments = actions.skill.clone(), torch.zeros_like(actions.arguments)
    for row, operator in enumerate(operators):
        skill[row] = operator.skill
        arguments[row, 0, 0, : len(operator.arguments)] = torch.tensor(operator.arguments)
        holds[row, 0, sorted(operator.needs)], holds[row, 0, sorted(operator.forbids)] = True, False
        wanted[row] = holds[row]
        wanted[row, 0, sorted(operator.deletes)], wanted[row, 0, sorted(operator.adds)] = False, True
    seen = dataclasses.replace(past, observation=dataclasses.replace(past.observation, state=dataclasses.replace(state, holds=holds)))
    with torch.no_grad():
        carry = subject.model.observe(subject.model.begin(batch, subject.task(1, batch)), seen)
    _, future = subject.imagine(carry, dataclasses.replace(actions, skill=skill, arguments=arguments), None)
    assert isinstance(future.state, Facts)  # future_fits_the_spec came first
    for row, operator in enumerate(operators):
        wrong = (future.state.holds[row, 0] != wanted[row, 0]).nonzero().flatten().tolist()
        if wrong:
            raise CheckFailed(
                f"after {operator.name} the atoms {[facts.atoms[atom] for atom in wrong]} are not as its effects say",
                "Operators and predict were written apart, or skill ids and arguments are read differently.",
                "Let predict apply operators().",
            )


CHECKS = (operators_are_well_formed, operators_agree_with_predict)
