"""Pages of one HTML file that need nothing else, neither network nor scripts, and the SVG files in them."""

import re
from functools import cache
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined

from meshcil.reporting.palette import CSS_VARIABLES

_STYLE = re.compile(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", re.DOTALL)
_WIDTH = re.compile(r'\swidth="([\d.]+)([a-z]*)"')
_SIZE = re.compile(r'\s(?:width|height|version|xmlns(?::\w+)?)="[^"]*"')


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


def inline_svg(svg: str, prefix: str, description: str) -> str:
    """SVG element for an HTML page.

    Colours become the page's CSS variables, so that the figure is readable in light and dark; ids get a
    prefix, because several figures share a page; size and font follow the page, which finds the width that the file
    asks for in `--natural`.

    Args:
        svg: text of the file.
        prefix: unique on the page.
        description: read out instead of the drawing.

    Raises:
        ValueError: when the text holds no SVG element.
    """
    begin = svg.find("<svg")
    if begin < 0:
        raise ValueError("svg must hold an <svg> element")
    body = _STYLE.sub("", svg[begin:].strip())
    head, rest = body.split(">", 1)
    natural = _WIDTH.search(head)
    head = _SIZE.sub("", head)
    rest = rest.replace("xlink:href", "href")
    rest = re.sub(r'\bid="', f'id="{prefix}-', rest)
    rest = re.sub(r'href="#', f'href="#{prefix}-', rest)
    rest = re.sub(r"url\(#", f"url(#{prefix}-", rest)
    rest = rest.replace("font-family: 'DejaVu Sans', sans-serif", "font-family: inherit")
    for colour, variable in CSS_VARIABLES.items():
        rest = rest.replace(colour, f"var({variable})")
    if natural:
        head += f' style="--natural: {natural[1]}{natural[2] or "px"}"'
    return f'{head} role="img" aria-label="{escape(description, quote=True)}">{rest}'


def render_svg(template: str, **values: object) -> str:
    """Fill in ``templates/<template>.svg.j2``."""
    loader = PackageLoader("meshcil.reporting")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.get_template(f"{template}.svg.j2").render(**values)
