"""Pages that a browser opens: what reports, forms and the marking page share."""

import html

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{head}
</head>
<body>
{body}
</body>
</html>
"""


def assemble(title: str, body: str, *, head: str) -> str:
    """Return a page.

    Parameters
    ----------
    title
        Its title, as text.
    body, head
        What it shows, and what it is shown with, such as its `style`, in HTML.
    """
    return _PAGE.format(title=html.escape(title), head=head, body=body)


def style(rules: str) -> str:
    """Return an element with rules of CSS, for the head of a page."""
    return f"<style>\n{rules.strip()}\n</style>"
