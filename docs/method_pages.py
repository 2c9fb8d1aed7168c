"""MkDocs hook: a page per method, `methods/<kind>.md`, from config/methods, kept results and `methods.yaml`."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from meshcil.reporting.kept import read_kept
from meshcil.reporting.method_pages import method_page, read_facts

_ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site."""
    settings, kept = _ROOT / "config", read_kept(_ROOT / "docs/results")
    for kind, facts in read_facts(_ROOT / "docs/methods.yaml", settings).items():
        content = method_page(kind, facts, settings, kept)
        files.append(File.generated(config, f"methods/{kind}.md", content=content))
    return files
