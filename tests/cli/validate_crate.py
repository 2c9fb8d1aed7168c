"""Validate a crate without a network: `python validate_crate.py CRATE CONTEXT SEVERITY` in roc-validator's environment.

CONTEXT is the context that the package rocrate ships; that of RO-Crate 1.1 has other addresses for Bioschemas' terms.
Prints the findings as JSON.
"""

import json
import sys
from pathlib import Path

from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

BIOSCHEMAS = {"FormalParameter", "ComputationalWorkflow"}
TERMS = "https://w3id.org/ro/terms/workflow-run#"
WORKFLOW_RUN = (
    "ParameterConnection",
    "connection",
    "sourceParameter",
    "targetParameter",
    "resourceUsage",
    "environment",
)
CRATE, CONTEXT, SEVERITY = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


class Answer:
    """What is answered to a request for a context."""

    status_code = 200
    headers = {"Content-Type": "application/ld+json"}
    links: dict = {}
    ok = True
    from_cache = True

    def __init__(self, terms: dict) -> None:
        self.text = json.dumps({"@context": terms})
        self.content = self.text.encode()
        self.url = ""

    def json(self) -> dict:
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        """Nothing went wrong."""


def contexts() -> dict[str, dict]:
    known = json.loads(CONTEXT.read_text())["@context"]
    bioschemas = {name: f"https://bioschemas.org/{name}" for name in BIOSCHEMAS}
    bioschemas |= {name: f"https://bioschemas.org/properties/{name}" for name in ("input", "output")}
    return {
        "https://w3id.org/ro/crate/1.1/context": known | bioschemas,
        "https://w3id.org/ro/terms/workflow-run/context": {name: f"{TERMS}{name}" for name in WORKFLOW_RUN},
    }


def answer(self: object, url: str, *arguments: object, **options: object) -> Answer:
    known = contexts()
    if url not in known:
        raise ConnectionError(f"no network: {url}")
    return Answer(known[url])


HttpRequester.get = HttpRequester.head = answer
settings = services.ValidationSettings(
    rocrate_uri=str(CRATE),
    profile_identifier="provenance-run-crate",
    requirement_severity=models.Severity[SEVERITY],
)
result = services.validate(settings)
found = [
    {
        "check": issue.check.identifier,
        "severity": issue.severity.name,
        "message": issue.message,
        "entity": str(issue.violatingEntity),
    }
    for issue in result.get_issues()
]
print(json.dumps(found))
