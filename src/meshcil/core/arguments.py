"""Checks of tensor arguments at the public border, read from the function's own shape annotations."""

import functools
import inspect
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, NoReturn, ParamSpec, TypeVar, get_args

import torch
from jaxtyping import AbstractArray
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def reject(argument: str, must: str) -> NoReturn:
    """Refuse an argument of a public function.

    Args:
        argument: its name.
        must: what it must be, completing "<argument> must ...".

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{argument} must {must}")


def require_finite(**tensors: Tensor) -> None:
    """Refuse tensors that hold NaN or infinity.

    Args:
        **tensors: floating tensors of any shape, by argument name.

    Raises:
        ValueError: naming the first tensor that is not finite.
    """
    for name, tensor in tensors.items():
        # NaN passes through minimum and maximum, so that one pass over the values without a copy is enough.
        if tensor.numel() and not bool(torch.stack(tensor.aminmax()).isfinite().all()):
            reject(name, "be finite, but it holds NaN or infinity")


def require_precision(**tensors: Tensor) -> None:
    """Refuse tensors in less than single precision, in which geometry is wrong by whole cells.

    Args:
        **tensors: of any shape, by argument name.

    Raises:
        ValueError: naming the first tensor that is neither float32 nor float64.
    """
    for name, tensor in tensors.items():
        if tensor.dtype not in (torch.float32, torch.float64):
            reject(name, f"have dtype float32 or float64, but it has {tensor.dtype}")


def whole_numbers(argument: str, values: Sequence[int], count: int) -> tuple[int, ...]:
    """Some whole numbers as a tuple.

    Args:
        argument: its name.
        values: what was given.
        count: how many there must be.

    Returns:
        The numbers.

    Raises:
        ValueError: values of another kind or number.
    """
    numbers = tuple(values) if isinstance(values, Sequence) else ()
    if len(numbers) != count or not all(isinstance(number, Integral) for number in numbers):
        reject(argument, f"be {count} whole numbers, but it is {values!r}")
    return tuple(int(number) for number in numbers)


def own_floats(argument: str, tensor: Tensor, shape: tuple[int | None, ...]) -> Tensor:
    """A floating tensor's copy, which the caller cannot change any more, without its gradient.

    Args:
        argument: its name.
        tensor: what was given.
        shape: that it must have; None where any size is right.

    Returns:
        The copy.

    Raises:
        ValueError: no floating tensor of this shape.
    """
    if not (isinstance(tensor, Tensor) and tensor.is_floating_point()):
        reject(argument, "be a floating tensor")
    return _copy(argument, tensor, shape)


def own_indices(argument: str, tensor: Tensor, shape: tuple[int | None, ...]) -> Tensor:
    """As ``own_floats``, for int64 tensors."""
    if not (isinstance(tensor, Tensor) and tensor.dtype == torch.int64):
        reject(argument, "be an int64 tensor")
    return _copy(argument, tensor, shape)


def _copy(argument: str, tensor: Tensor, shape: tuple[int | None, ...]) -> Tensor:
    fits = (wanted in (None, size) for wanted, size in zip(shape, tensor.shape, strict=False))
    if tensor.ndim != len(shape) or not all(fits):
        wanted = ", ".join("N" if size is None else str(size) for size in shape)
        reject(argument, f"have shape [{wanted}], but it has {list(tensor.shape)}")
    # A copy made in inference mode could never be differentiated through.
    with torch.inference_mode(False):
        return tensor.detach().clone()


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Turn a function's jaxtyping annotations into ``ValueError``s that name the argument.

    Every tensor argument annotated as, say, ``Float[Tensor, "B D H W"]`` must be a tensor of that kind and
    rank, equal letters must have equal sizes over all arguments, all tensors must be on one device, and all
    floating tensors must share one dtype. Optional and other alternatives are checked only when a tensor is given.

    Args:
        function: with dimensions that are names, integers, or a leading ``...`` or ``*name``.

    Returns:
        The function, checked on every call.
    """
    signature = inspect.signature(function)
    annotations = {name: _array_type(parameter.annotation) for name, parameter in signature.parameters.items()}
    annotations = {name: kind for name, kind in annotations.items() if kind is not None}

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        values = signature.bind(*args, **kwargs).arguments
        sizes: dict[str, tuple[int, str]] = {}
        first: dict[str, str] = {}
        for name, (kind, exclusive) in annotations.items():
            value = values.get(name)
            if isinstance(value, Tensor):
                _check_kind(name, value, kind)
                _check_shape(name, value, kind.dim_str.split(), sizes)
                _check_company(name, value, first, values)
            elif exclusive and name in values:
                reject(name, f"be a tensor [{kind.dim_str}], but it is {type(value).__name__}")
        return function(*args, **kwargs)

    return wrapper


def _array_type(annotation: Any) -> tuple[type[AbstractArray], bool] | None:
    """The first array type inside an annotation, and whether it is the only alternative."""
    alternatives = (annotation, *get_args(annotation))
    for alternative in alternatives:
        if isinstance(alternative, type) and issubclass(alternative, AbstractArray):
            return alternative, alternative is annotation
    return None


def _check_kind(name: str, value: Tensor, kind: type[AbstractArray]) -> None:
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype not in kind.dtypes:
        reject(name, f"have a dtype among {', '.join(map(str, kind.dtypes))}, but it has {dtype}")


def _check_shape(name: str, value: Tensor, dims: list[str], sizes: dict[str, tuple[int, str]]) -> None:
    wanted = f"[{', '.join(dims)}]"
    variadic = dims[0] == "..." or dims[0].startswith("*") if dims else False
    fixed = dims[1:] if variadic else dims
    if value.ndim < len(fixed) or (value.ndim > len(fixed) and not variadic):
        reject(name, f"have shape {wanted}, but it has {list(value.shape)}")
    for dim, size in zip(fixed, value.shape[value.ndim - len(fixed) :], strict=True):
        if dim.isdecimal():
            expected, where = int(dim), ""
        else:
            expected, origin = sizes.setdefault(dim, (size, name))
            where = f" with {dim} = {expected} as in {origin}"
        if size != expected:
            reject(name, f"have shape {wanted}{where}, but it has {list(value.shape)}")


def _check_company(name: str, value: Tensor, first: dict[str, str], values: dict[str, Any]) -> None:
    lead = first.setdefault("device", name)
    if value.device != values[lead].device:
        reject(name, f"be on device {values[lead].device} like {lead}, but it is on {value.device}")
    if value.is_floating_point():
        lead = first.setdefault("dtype", name)
        if value.dtype != values[lead].dtype:
            reject(name, f"have dtype {values[lead].dtype} like {lead}, but it has {value.dtype}")
