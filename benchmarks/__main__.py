"""Run the benchmarks and write ``benchmarks/results.json`` and ``docs/benchmarks.md``.

Benchmarks that are not named keep their earlier results, and so do other machines.
"""

import argparse
import importlib
import json
import os
import platform
import re
from pathlib import Path

import torch

from benchmarks.measuring import DEVICE_VARIABLE, available_devices, devices

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.json", HERE.parent / "docs" / "benchmarks.md"


def names() -> list[str]:
    """All modules here that measure something."""
    return sorted(path.stem for path in HERE.glob("*.py") if "\ndef measure()" in path.read_text())


def machine() -> dict[str, object]:
    """What the numbers depend on, beside the code."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return {
        "processor": model.group(1) if model else platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "GPU": torch.cuda.get_device_name() if "cuda" in devices() else "none",
        "torch": torch.__version__,
        "load average before": round(os.getloadavg()[0], 2),
    }


def replace_result(earlier: list[dict], result: dict) -> list[dict]:
    """The results of a benchmark, one per processor and GPU, with a new one."""
    others = [other for other in earlier if _hardware(other) != _hardware(result)]
    return sorted([*others, result], key=_hardware)


def _hardware(result: dict) -> tuple[str, str]:
    return result["machine"]["GPU"], result["machine"]["processor"]


def page(results: dict[str, list[dict]]) -> str:
    """The results as one table per benchmark and machine: quantities down, cases across."""
    lines = ["# Benchmarks", "", "Written by `make bench`; the numbers are in `benchmarks/results.json`.", ""]
    for name, measured in results.items():
        title = importlib.import_module(f"benchmarks.{name}").__doc__.strip().split("\n")[0]
        lines += [f"## {name}", "", title, ""]
        for result in measured:
            lines += _table(result)
    return "\n".join(lines)


def _table(result: dict) -> list[str]:
    cases = {case: _flat(row) for case, row in result["cases"].items()}
    quantities = list(dict.fromkeys(quantity for row in cases.values() for quantity in row))
    lines = [f"| | {' | '.join(cases)} |", "|---|" + "---:|" * len(cases)]
    for quantity in quantities:
        values = (_text(quantity, row.get(quantity, "")) for row in cases.values())
        lines.append(f"| {quantity} | {' | '.join(values)} |")
    return [*lines, "", ", ".join(f"{key} {value}" for key, value in result["machine"].items()), ""]


def _flat(row: dict, prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in row.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        flat |= _flat(value, f"{name}: ") if isinstance(value, dict) else {name: value}
    return flat


def _text(quantity: str, value: object) -> str:
    if isinstance(value, int) and "bytes" in quantity:
        return f"{value / 1e6:,.1f} MB"
    if isinstance(value, float):
        return f"{value / 1e9:,.1f} G" if value >= 1e9 else f"{value:.3g}" if value < 100 else f"{value:,.0f}"
    return str(value)


def main() -> None:
    """Measure what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"among {', '.join(names())}; all by default")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the processor (default: all cores)")
    parser.add_argument("--device", choices=available_devices(), help="the one to measure on (default: all)")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(names())
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    torch.set_num_threads(arguments.threads)
    if arguments.device:
        os.environ[DEVICE_VARIABLE] = arguments.device
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in arguments.names or names():
        print(f"{name} ...", flush=True)
        where = machine()
        cases = importlib.import_module(f"benchmarks.{name}").measure()
        results[name] = replace_result(results.get(name, []), {"machine": where, "cases": cases})
        results = dict(sorted(results.items()))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(page(results))
    print(f"wrote {RESULTS.relative_to(HERE.parent)} and {PAGE.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
