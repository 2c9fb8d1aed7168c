"""Texts of the settings in Markdown: words, never tags, links or another column."""

_SPECIAL = str.maketrans({"<": "&lt;", "[": "&#91;", "]": "&#93;"})


def words(text: str) -> str:
    """A text on one line, in which nothing is a tag or a link."""
    return " ".join(text.split()).translate(_SPECIAL)


def cell(text: str) -> str:
    """The same, for a table."""
    return words(text).replace("|", "/")
