"""Parquet tables of frames: NumPy columns in and out, one row group per episode.

Knows: arrays "n ..." of fixed shape per row, strings, pictures (a struct of bytes and path).
Does not know: what a column means.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.data.errors import DataError
from wam.data.layout import ABSENT, Feature

ARROW_OF = {"float32": "float", "float64": "double", "int64": "int64", "int32": "int32", "bool": "bool", "string": "string"}


def make_table(features: Sequence[Feature], columns: dict[str, Any]) -> Any:
    """A pyarrow table of the non-video features. Pictures come as lists of bytes, all else as arrays "n *shape"."""
    import pyarrow as pa

    arrays = [_arrow(feature, columns[feature.key]) for feature in features if feature.dtype != "video"]
    schema = pa.schema(
        [pa.field(feature.key, array.type) for feature, array in zip([f for f in features if f.dtype != "video"], arrays, strict=True)],
        metadata={"huggingface": json.dumps({"info": {"features": {f.key: _hub_type(f) for f in features if f.dtype != "video"}}})},
    )
    return pa.table(arrays, schema=schema)


def _arrow(feature: Feature, values: Any) -> Any:
    import pyarrow as pa

    if feature.dtype == "image":
        names = pa.array([f"frame-{i:06d}.png" for i in range(len(values))])
        return pa.StructArray.from_arrays([pa.array(values, pa.binary()), names], ["bytes", "path"])
    kind = pa.type_for_alias(ARROW_OF[feature.dtype])
    array = pa.array(np.ascontiguousarray(values).reshape(-1), kind)
    if feature.shape == (1,):
        return array
    for axis, size in reversed(list(enumerate(feature.shape))):
        if size:
            array = pa.FixedSizeListArray.from_arrays(array, size)
        else:  # Arrow has no fixed size of 0
            lists = len(values) * prod(feature.shape[:axis])
            array = pa.ListArray.from_arrays(np.zeros(lists + 1, np.int32), array)
    return array


def _hub_type(feature: Feature) -> dict[str, Any]:
    """How the Hub's own loader is told the type, so that it shows pictures and fixed shapes."""
    if feature.dtype == "image":
        return {"_type": "Image"}
    value = {"dtype": feature.dtype, "_type": "Value"}
    if feature.shape == (1,):
        return value
    if len(feature.shape) == 1:
        return {"feature": value, "length": feature.shape[0], "_type": "Sequence"}
    return {"shape": list(feature.shape), "dtype": feature.dtype, "_type": f"Array{len(feature.shape)}D"}


@dataclass(frozen=True)
class TableFile:
    """An open parquet file and the episodes of its row groups."""

    path: Path
    file: Any  # pyarrow.parquet.ParquetFile
    groups: tuple[tuple[int, int], ...]  # smallest and largest episode_index of each row group

    def rows(self, episode: int, columns: Sequence[str]) -> Any:
        """The pyarrow table of one episode's rows."""
        import pyarrow as pa
        import pyarrow.compute as pc

        near = [i for i, (low, high) in enumerate(self.groups) if low <= episode <= high]
        names = list(dict.fromkeys([*columns, "episode_index"]))
        try:
            table = self.file.read_row_groups(near, columns=names, use_threads=False)
            return table.filter(pc.equal(table["episode_index"], episode))
        except (pa.ArrowException, OSError) as error:
            raise broken(self.path, episode, error) from error

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in the file."""
        return tuple(self.file.schema_arrow.names)


def open_table(path: Path) -> TableFile:
    """Open a parquet file of frames; recently opened ones are kept open. Raises DataError where it cannot be read."""
    try:
        return _open(path, path.stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise DataError("the file is absent.", cause=ABSENT, remedy="Download or copy the data set again.", path=path) from error


@lru_cache(maxsize=16)
def _open(path: Path, modified: int) -> TableFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        raise broken(path, None, error) from error
    names = file.schema_arrow.names
    if "episode_index" not in names:
        raise DataError("no column episode_index.", cause="this is not a table of LeRobot frames.", remedy="Restore the table from its source.", path=path)
    position = next(i for i in range(file.metadata.num_columns) if file.schema.column(i).path == "episode_index")
    groups = []
    for i in range(file.num_row_groups):
        stats = file.metadata.row_group(i).column(position).statistics
        groups.append((stats.min, stats.max) if stats is not None and stats.has_min_max else (0, 1 << 62))
    return TableFile(path, file, tuple(groups))


def broken(path: Path, episode: int | None, error: Exception) -> DataError:
    """The error for a parquet file that cannot be read."""
    return DataError(
        f"the parquet file cannot be read ({error}).",
        remedy="It was cut off or is not parquet: copy it again from its source.",
        path=path,
        episode=episode,
    )


def column_array(column: Any, shape: tuple[int, ...], *, key: str, path: Path, episode: int | str) -> NDArray[Any]:
    """A pyarrow column as an array "n *shape". Raises DataError where rows differ in size."""
    import pyarrow as pa

    rows = len(column)
    if column.null_count:
        raise DataError(
            f"column {key!r} has no value in {column.null_count} of {rows} rows.",
            cause="the robot did not report it there, or the table was assembled by hand.",
            remedy="Drop the episode, or fill the rows in.",
            path=path,
            episode=episode,
        )
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # an empty column combines to no chunk
        array = pa.array([], column.type)
    while pa.types.is_list(array.type) or pa.types.is_fixed_size_list(array.type) or pa.types.is_large_list(array.type):
        array = array.flatten()
    if array.null_count or len(array) != rows * prod(shape):
        raise DataError(
            f"column {key!r} holds {len(array)} numbers in {rows} rows, {array.null_count} of them null; "
            f"its declared shape {list(shape)} asks for {rows * prod(shape)}.",
            cause="the declared shape is wrong, or rows differ in size.",
            remedy="Correct the shape in meta/info.json or repair the table.",
            path=path,
            episode=episode,
        )
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values.reshape(rows, *shape)
