"""Checks of tensor arguments at the public border, read from the function's own shape annotations."""

import functools
import inspect
from collections.abc import Callable
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
