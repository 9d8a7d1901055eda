"""Records: axes bind and rename, every operation does what plain tensors do, and errors say where."""

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated, Any

import pytest
import torch
from jaxtyping import Bool, Float, Int, Shaped, jaxtyped
from torch import Tensor
from torch.utils import _pytree as pytree

from wam.world import Noise, Record, RecordError, Rename, concatenate, record


@record
class Cloud(Record):
    xyz: Float[Tensor, "B T N 3"]
    valid: Bool[Tensor, "B T N"] | None = None


@record
class Scene(Record):
    image: dict[str, Shaped[Tensor, "B T 3 h w"]] | None = None
    cloud: Cloud | None = None
    other: Cloud | None = None
    code: Float[Tensor, "B T ... D"] | None = None
    constants: Float[Tensor, "B M"] | None = None
    words: tuple[str, ...] = ()


@record
class Story(Record):
    past: Scene
    future: Annotated[Scene, Rename(T="H")] | None = None
    goal: Annotated[Scene, Rename(T="G")] | None = None
    reward: Float[Tensor, "B H"] | None = None
    rows: Int[Tensor, "B"]
    shared: Float[Tensor, "M"] | None = None
    name: str = "a story"


def scene(rows: int = 2, steps: int = 3, seed: int = 0) -> Scene:
    rng = torch.Generator().manual_seed(seed)
    return Scene(
        image={"front": torch.rand(rows, steps, 3, 4, 5, generator=rng), "wrist": torch.randint(0, 256, (rows, steps, 3, 2, 2), generator=rng).byte()},
        cloud=Cloud(xyz=torch.randn(rows, steps, 6, 3, generator=rng), valid=torch.rand(rows, steps, 6, generator=rng) < 0.5),
        other=Cloud(xyz=torch.randn(rows, steps, 9, 3, generator=rng)),
        code=torch.randn(rows, steps, 2, 7, 8, generator=rng),
        constants=torch.randn(rows, 4, generator=rng),
        words=("red", "blue"),
    )


def story(rows: int = 2, seed: int = 0) -> Story:
    rng = torch.Generator().manual_seed(seed + 100)
    return Story(
        past=scene(rows, 3, seed),
        future=scene(rows, 5, seed + 1),
        goal=scene(rows, 1, seed + 2),
        reward=torch.randn(rows, 5, generator=rng),
        rows=torch.arange(rows),
        shared=torch.arange(3.0),
    )


TIMES = {"past": "T", "future": "H", "goal": "G"}


def plain(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Tensor]:
    """Every tensor by its path, found without the record's own machinery."""
    if isinstance(value, Tensor):
        return {path: value}
    parts = value.items() if isinstance(value, dict) else [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    found: dict[tuple[str, ...], Tensor] = {}
    for name, part in parts:
        if isinstance(part, (Tensor, dict, Record)):
            found |= plain(part, (*path, name))
    return found


def time_of(path: tuple[str, ...]) -> str | None:
    """The name of dimension 1, where it is time."""
    if path[-1] == "constants" or len(path) == 1:
        return "H" if path == ("reward",) else None
    return TIMES[path[0]]


def assert_same(got: Record, expected: dict[tuple[str, ...], Tensor]) -> None:
    found = plain(got)
    assert found.keys() == expected.keys()
    for path, tensor in expected.items():
        assert found[path].dtype == tensor.dtype, path
        assert torch.equal(found[path], tensor), path


# -- declaration -----------------------------------------------------------------------------------------------------------


def test_a_tensor_without_axes_is_refused() -> None:
    class Bare(Record):
        x: Tensor

    with pytest.raises(RecordError, match=r"Bare\.x is a tensor without axes"):
        record(Bare)


def test_records_are_frozen_and_keyword_only() -> None:
    made = scene()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.words = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        Cloud(torch.zeros(1, 1, 1, 3))  # type: ignore[misc]


def test_leaves_are_in_order_with_paths_and_renamed_axes() -> None:
    found = [(path, axes) for path, axes, _ in story().leaves()]
    assert found[0] == ("Story.past.image['front']", ("B", "T", "3", "h", "w"))
    assert ("Story.future.cloud.valid", ("B", "H", "N")) in found
    assert ("Story.goal.code", ("B", "G", "...", "D")) in found
    assert ("Story.past.constants", ("B", "M")) in found
    assert found[-1] == ("Story.shared", ("M",))
    made = story()
    assert [id(leaf) for _, _, leaf in made.leaves()] == [id(leaf) for leaf in plain(made).values()]


# -- sizes -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "size"), [("B", 2), ("T", 3), ("H", 5), ("G", 1), ("N", 6), ("D", 8), ("M", 4), ("h", 4)])
def test_size_of_the_first_field_with_the_axis(axis: str, size: int) -> None:
    assert story().size(axis) == size


def test_size_of_an_absent_axis_says_so() -> None:
    with pytest.raises(RecordError, match="Cloud has no present field with axis 'Z'"):
        scene().cloud.size("Z")  # type: ignore[union-attr]
    with pytest.raises(RecordError, match="no present field with axis 'B'"):
        Scene().size("B")


def test_device_of_an_empty_record_is_the_cpu() -> None:
    assert Scene().device == torch.device("cpu")
    assert story().to("meta").device == torch.device("meta")


# -- check -----------------------------------------------------------------------------------------------------------------


def test_a_record_that_fits_passes_and_is_returned() -> None:
    made = story()
    assert made.check() is made
    assert Scene().check() == Scene()


def changed(part: str, **fields: Any) -> Story:
    made = story()
    return dataclasses.replace(made, **{part: dataclasses.replace(getattr(made, part), **fields)})


FAULTS: dict[str, tuple[Callable[[], Record], str]] = {
    "dtype": (lambda: changed("past", code=torch.zeros(2, 3, 8).long()), r"Story\.past\.code is int64 \(2, 3, 8\), expected Float"),
    "rank": (lambda: changed("past", constants=torch.zeros(2, 4, 1)), r"Story\.past\.constants is float32 \(2, 4, 1\), expected Float"),
    "fixed size": (lambda: Cloud(xyz=torch.zeros(2, 3, 6, 2)), r"Cloud\.xyz is float32 \(2, 3, 6, 2\)"),
    "channels last": (lambda: Scene(image={"a": torch.zeros(2, 3, 4, 4, 3)}), r"Scene\.image\['a'\] is .*wrong axis order"),
    "batch between fields": (lambda: dataclasses.replace(story(), rows=torch.arange(3)), r"Story\.rows has B = 3, but .* has B = 2"),
    "batch between cameras": (lambda: Scene(image={"a": torch.zeros(2, 3, 3, 4, 4), "b": torch.zeros(1, 3, 3, 4, 4)}), r"image\['b'\] has B = 1"),
    "time between fields": (lambda: changed("past", code=torch.zeros(2, 4, 8)), r"Story\.past\.code has T = 4, but Story\.past\.image\['front'\] has T = 3"),
    "time through a nested record": (lambda: changed("past", cloud=Cloud(xyz=torch.zeros(2, 4, 6, 3))), r"Story\.past\.cloud\.xyz has T = 4"),
    "renamed time": (lambda: dataclasses.replace(story(), reward=torch.zeros(2, 4)), r"Story\.reward has H = 4, but Story\.future\..* has H = 5"),
    "renamed time through a nested record": (lambda: changed("goal", cloud=Cloud(xyz=torch.zeros(2, 2, 6, 3))), r"Story\.goal\.cloud\.xyz has G = 2"),
    "an axis of one record": (
        lambda: Cloud(xyz=torch.zeros(2, 3, 6, 3), valid=torch.zeros(2, 3, 5).bool()),
        r"Cloud\.valid has N = 5, but Cloud\.xyz has N = 6",
    ),
    "a list": (lambda: changed("past", code=[1.0, 2.0]), r"Story\.past\.code is a list, expected Float"),
    "a NumPy array": (lambda: Cloud(xyz=torch.zeros(2, 3, 6, 3).numpy()), r"Cloud\.xyz is a ndarray, expected Float"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("fault", FAULTS)
def test_check_finds(fault: str) -> None:
    make, message = FAULTS[fault]
    with pytest.raises(RecordError, match=message):
        make().check()


def test_free_axes_and_axes_of_other_records_may_differ() -> None:
    made = story()
    assert made.past.cloud is not None and made.past.other is not None
    assert made.past.cloud.size("N") != made.past.other.size("N")
    made.check()  # cameras of two sizes, N and M of several, T = 3, H = 5, G = 1


def test_check_binds_nothing_in_a_shape_check_around_it() -> None:
    @jaxtyped(typechecker=None)
    def inside() -> Record:
        return story().check()

    assert isinstance(inside(), Story)


# -- map -------------------------------------------------------------------------------------------------------------------


def test_map_hands_over_outer_axis_names() -> None:
    seen: list[tuple[str, ...]] = []

    def note(axes: tuple[str, ...], leaf: Tensor) -> Tensor:
        seen.append(axes)
        return leaf + 1 if leaf.is_floating_point() else leaf

    made = story()
    before = {path: leaf.clone() for path, leaf in plain(made).items()}
    after = made.map(note)
    assert seen == [axes for _, axes, _ in made.leaves()]
    assert_same(after, {path: leaf + 1 if leaf.is_floating_point() else leaf for path, leaf in before.items()})
    assert_same(made, before)
    assert after.past.words == ("red", "blue") and after.name == "a story"


def test_map_keeps_absent_absent() -> None:
    part = Scene(constants=torch.ones(2, 4))
    assert part.map(lambda axes, leaf: leaf * 2).image is None
    assert torch.equal(part.map(lambda axes, leaf: leaf * 2).constants, torch.full((2, 4), 2.0))  # type: ignore[arg-type]
    assert Scene().map(lambda axes, leaf: leaf * 2) == Scene()


def test_map_over_several_records() -> None:
    total = story().map(lambda axes, a, b, c: a + b + c, story(seed=1), story(seed=2))
    parts = [plain(story(seed=seed)) for seed in range(3)]
    assert_same(total, {path: parts[0][path] + parts[1][path] + parts[2][path] for path in parts[0]})


UNLIKE: dict[str, tuple[Record, Record, str]] = {
    "classes": (scene(), story(), "cannot combine Scene with Story"),
    "nested classes": (Story(past=scene(), rows=torch.arange(2)), Story(past=story(), rows=torch.arange(2)), r"Story\.past: cannot combine"),  # type: ignore[arg-type]
    "absent": (scene(), dataclasses.replace(scene(), code=None), r"Scene\.code is present in one record and absent in another"),
    "present": (dataclasses.replace(scene(), code=None), scene(), r"Scene\.code is present in one record and absent in another"),
    "cameras": (scene(), dataclasses.replace(scene(), image={"front": torch.zeros(2, 3, 3, 4, 5)}), r"Scene\.image has keys \['front', 'wrist'\]"),
    "word tables": (scene(), dataclasses.replace(scene(), words=("red",)), r"Scene\.words is \('red', 'blue'\) in one record"),
}


@pytest.mark.parametrize("what", UNLIKE)
def test_records_from_different_specs_are_not_combined(what: str) -> None:
    one, two, message = UNLIKE[what]
    with pytest.raises(RecordError, match=message):
        one.map(lambda axes, a, b: a, two)


# -- operations against plain tensors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "stop"), [(0, 2), (1, None), (-1, None), (2, 2)])
@pytest.mark.parametrize("axis", ["B", "T", "H"])
def test_narrow(axis: str, start: int, stop: int | None) -> None:
    def oracle(path: tuple[str, ...], leaf: Tensor) -> Tensor:
        if axis == "B":
            return leaf if path == ("shared",) else leaf[start:stop]
        return leaf[:, start:stop] if time_of(path) == axis else leaf

    made = story()
    assert_same(made.narrow(axis, start, stop), {path: oracle(path, leaf) for path, leaf in plain(made).items()})


def test_narrow_an_axis_behind_an_ellipsis() -> None:
    made = scene()
    assert made.code is not None
    code = made.narrow("D", 1, 4).code
    assert code is not None and torch.equal(code, made.code[..., 1:4])


@pytest.mark.parametrize("index", [torch.tensor([1, 1, 0]), torch.tensor([True, False])])
def test_select_rows(index: Tensor) -> None:
    made = story()
    assert_same(made.select(index), {path: leaf if path == ("shared",) else leaf[index] for path, leaf in plain(made).items()})


def test_take_wants_a_vector_of_indices_or_a_mask_as_long_as_the_axis() -> None:
    noise = Noise.of(range(4))
    assert noise.select(torch.tensor([True, False, True, False])).seed.tolist() == noise.select(torch.tensor([0, 2])).seed.tolist() == [0, 2]
    for index in (torch.tensor([True, False]), torch.ones(4, 2, dtype=torch.bool), torch.zeros(2, 2, dtype=torch.int64)):
        with pytest.raises(RecordError, match="4 entries of B"):
            noise.select(index)


def test_take_along_time() -> None:
    made, index = story(), torch.tensor([4, 0])
    assert_same(made.take("H", index), {path: leaf[:, index] if time_of(path) == "H" else leaf for path, leaf in plain(made).items()})


@pytest.mark.parametrize("count", [0, 1, 3])
def test_repeat_keeps_rows_together(count: int) -> None:
    made = story()
    rows = [row for row in range(2) for _ in range(count)]
    assert_same(made.repeat(count), {path: leaf if path == ("shared",) else leaf[rows] for path, leaf in plain(made).items()})


def test_where_chooses_rows() -> None:
    one, two, mask = story(rows=4), story(rows=4, seed=9), torch.tensor([True, False, False, True])
    first, second = plain(one), plain(two)
    expected = {
        path: leaf if path == ("shared",) else torch.stack([(a if m else b) for m, a, b in zip(mask, leaf, second[path], strict=True)])
        for path, leaf in first.items()
    }
    assert_same(one.where(mask, two), expected)
    assert_same(one, first)


@pytest.mark.parametrize("bad", [torch.zeros(2, 3, 8).double(), torch.zeros(2, 1, 8), torch.zeros(1, 3, 8)], ids=["dtype", "time", "rows"])
def test_where_neither_converts_nor_broadcasts(bad: Tensor) -> None:
    with pytest.raises(RecordError, match=r"where\(\) got float32 \(2, 3, 8\) and"):
        Scene(code=torch.zeros(2, 3, 8)).where(torch.tensor([True, False]), Scene(code=bad))


def test_to_casts_only_floating_tensors() -> None:
    made = story()
    expected = {path: leaf.double() if leaf.is_floating_point() else leaf for path, leaf in plain(made).items()}
    assert_same(made.to(dtype=torch.float64), expected)
    assert_same(made.to(), plain(made))


def test_detach_and_clone() -> None:
    weight = torch.ones(2, 4, requires_grad=True)
    part = Scene(constants=weight * 2)
    detached, copied = part.detach().constants, part.clone().constants
    assert detached is not None and not detached.requires_grad
    assert copied is not None and copied.requires_grad and copied is not part.constants
    assert part.constants is not None and part.constants.requires_grad
    made = story()
    copy = plain(made.clone())
    assert_same(made, copy)
    assert all(leaf.data_ptr() != copy[path].data_ptr() for path, leaf in plain(made).items())


def test_gradients_flow_through_operations() -> None:
    weight = torch.ones(2, 3, 8, requires_grad=True)
    part = Scene(code=weight)
    result = concatenate([part.narrow("T", 1), part.select(torch.tensor([1, 0])).narrow("T", 0, 1)], "T")
    joined = result.where(torch.tensor([True, False]), part).repeat(3).code
    assert joined is not None
    joined.sum().backward()
    assert weight.grad is not None
    assert weight.grad[..., 0].tolist() == [[0.0, 3.0, 3.0], [6.0, 3.0, 3.0]]


# -- concatenate -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", ["B", "T", "H"])
def test_concatenate(axis: str) -> None:
    parts = [story(seed=seed) for seed in range(3)]
    leaves = [plain(part) for part in parts]

    def oracle(path: tuple[str, ...]) -> Tensor:
        if (axis == "B" and path != ("shared",)) or time_of(path) == axis:
            return torch.cat([leaf[path] for leaf in leaves], 0 if axis == "B" else 1)
        return leaves[0][path]

    assert_same(concatenate(parts, axis), {path: oracle(path) for path in leaves[0]})


def test_concatenate_one_record_is_that_record() -> None:
    made = story()
    assert_same(concatenate([made], "T"), plain(made))


def test_narrow_and_concatenate_undo_each_other() -> None:
    made = story()
    assert_same(concatenate([made.narrow("H", 0, 2), made.narrow("H", 2)], "H"), plain(made))
    assert_same(concatenate([made.narrow("B", 0, 1), made.narrow("B", 1)], "B"), plain(made))


def test_concatenate_errors() -> None:
    with pytest.raises(RecordError, match="concatenate\\(\\) of no records"):
        concatenate([], "T")
    with pytest.raises(RecordError, match=r"concatenate\(\) along T got float32 \(2, 3, 8\) and float32 \(2, 3, 9\) for axes \(B T \.\.\. D\)"):
        concatenate([Scene(code=torch.zeros(2, 3, 8)), Scene(code=torch.zeros(2, 3, 9))], "T")
    with pytest.raises(RecordError, match=r"uint8 .* beside frames of a model"):
        concatenate([Scene(image={"a": torch.zeros(1, 1, 3, 2, 2)}), Scene(image={"a": torch.zeros(1, 1, 3, 2, 2).byte()})], "T")
    with pytest.raises(RecordError, match="word tables and vocabularies must agree"):
        concatenate([scene(), dataclasses.replace(scene(), words=())], "T")
    with pytest.raises(RecordError, match="present in one record and absent"):
        concatenate([scene(), dataclasses.replace(scene(), cloud=None)], "T")


# -- pytrees ---------------------------------------------------------------------------------------------------------------


def test_pytree_round_trip() -> None:
    made = story()
    leaves, structure = pytree.tree_flatten(made)
    assert [id(leaf) for leaf in leaves] == [id(leaf) for _, _, leaf in made.leaves()]
    back = pytree.tree_unflatten(leaves, structure)
    assert_same(back, plain(made))
    assert back.past.words == made.past.words and back.name == made.name


def test_tree_map_is_map() -> None:
    made = story()
    assert_same(pytree.tree_map(lambda leaf: leaf * 2, made), plain(made.map(lambda axes, leaf: leaf * 2)))


def test_tree_map_may_put_anything_in_a_tensors_place() -> None:
    made = story()
    counts = pytree.tree_map(lambda leaf: leaf.numel(), made)
    assert pytree.tree_leaves(counts) == [leaf.numel() for _, _, leaf in made.leaves()]
    assert sum(pytree.tree_leaves(counts)) == sum(math.prod(leaf.shape) for leaf in plain(made).values())
    assert pytree.tree_structure(counts) == pytree.tree_structure(made)


def test_structure_knows_static_values_and_presence() -> None:
    made = scene()
    same = pytree.tree_structure(scene(seed=4))
    assert pytree.tree_structure(made) == same
    assert pytree.tree_structure(dataclasses.replace(made, words=("green",))) != same
    assert pytree.tree_structure(dataclasses.replace(made, code=None)) != same
    assert pytree.tree_leaves(Scene()) == []
