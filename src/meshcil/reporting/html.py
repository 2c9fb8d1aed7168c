"""The report: one HTML file that needs nothing else, neither network nor scripts."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from meshcil.reporting.page import Report


@cache
def environment() -> Environment:
    """Templates of the pages; every text is escaped."""
    return Environment(
        loader=PackageLoader("meshcil.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(report: Report) -> str:
    """HTML text of the page."""
    return environment().get_template("report.html.j2").render(report=report)
