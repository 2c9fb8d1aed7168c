"""How much work the chosen experiments ask for."""

from meshcil.stages.plan import Plan


def amount(plan: Plan) -> str:
    """Runs, training steps, aligners to fit, studies and their jobs in words; what there is none of is left out."""
    aligned = dict.fromkeys(pair for pairs in plan.aligned.values() for pair in pairs)
    jobs = dict.fromkeys(job for jobs in plan.study_members.values() for job in jobs)
    numbers = {
        "run": len(plan.runs),
        "training step": len({key.trained_in(k) for key, run in plan.runs.items() for k in range(len(run.steps))}),
        "aligner to fit": sum(len(plan.runs[key].steps) - 1 for key, _ in aligned),
        "study": len(plan.studies),
        "job of studies": len(jobs),
    }
    return ", ".join(f"{number} {_word(name, number)}" for name, number in numbers.items() if number)


_PLURALS = {"study": "studies", "aligner to fit": "aligners to fit", "job of studies": "jobs of studies"}


def _word(name: str, number: int) -> str:
    return name if number == 1 else _PLURALS.get(name, f"{name}s")
