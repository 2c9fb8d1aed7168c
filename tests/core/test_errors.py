"""The message of bad input survives the way out of a worker process."""

import pickle

from meshcil.core.errors import InputError


def test_input_errors_can_be_pickled() -> None:
    error = InputError("image.JPEG", "is truncated", "Copy it again")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert (again.where, again.cause, again.remedy) == ("image.JPEG", "is truncated", "Copy it again")
