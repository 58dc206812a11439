"""Memory that does not suffice: told with what to do, and given back before another try."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from imgclf.errors import ImgclfError, OutOfMemoryError, first_line
from imgclf.system.disk import problem_of


@contextmanager
def out_of_memory_as_error(image_size: tuple[int, int], batch_size: int) -> Iterator[None]:
    """Says what to do where the memory does not suffice.

    Args:
        image_size: (height, width) of the pictures.
        batch_size: Pictures in a step.

    Raises:
        OutOfMemoryError: It does not.
    """
    try:
        yield
    except ImgclfError:
        raise
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        height, width = image_size
        if batch_size > 1:
            smaller = f"--set data.batch_size={batch_size // 2} --fresh"
        else:
            smaller = f"--set 'data.image_size=[{height // 2}, {width // 2}]' --fresh"
        raise OutOfMemoryError(
            f"the memory does not suffice for batches of {batch_size} pictures of "
            f"{height} x {width} in this network ({first_line(error)[:200]})",
            f"try: {smaller}",
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    if problem_of(error) is not None:
        return False  # TensorFlow calls a full disk an exhausted resource, too
    name, text = type(error).__name__, str(error)
    return (
        isinstance(error, MemoryError)
        or name == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in text  # JAX's words
        or "std::bad_alloc" in text
    )


def forget_attempt() -> None:
    """Gives back the memory of a model that had too little of it; to be called before the next."""
    from imgclf.backend import keras

    keras.backend.clear_session()
    # Models are in cycles, and Python looks for those by how many objects there are, not how large.
    gc.collect()
