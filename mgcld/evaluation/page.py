"""The page: one HTML file that holds its pictures and tables, and the pictures beside it."""

import base64
from pathlib import Path

from jinja2 import Environment

from mgcld.evaluation.account import Account
from mgcld.evaluation.files import write_whole
from mgcld.evaluation.methods import OURS
from mgcld.evaluation.plots import confusion_plot, reliability_plot, shots_plot

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ account.title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .9rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
tr.ours { font-weight: 600 }
img { max-width: 100%; height: auto }
.scroll { overflow-x: auto }
footer { color: #666; margin-top: 2rem }
</style>
</head>
<body>
<h1>{{ account.title }}</h1>
{% for sheet in account.sheets %}
<h2>{{ sheet.title }}</h2>
<div class="scroll"><table>
<tr>{% for column in sheet.columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for row in sheet.rows %}
<tr{% if row[0].startswith(ours) %} class="ours"{% endif %}>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</table></div>
{% for note in sheet.notes %}<p>{{ note }}</p>{% endfor %}
{% endfor %}
{% for name, picture in pictures.items() %}
<h2>{{ name }}</h2>
<img alt="{{ name }}" src="data:image/png;base64,{{ picture }}">
{% endfor %}
<footer>
<p>{{ account.summary }}</p>
{% for note in account.notes %}<p>{{ note }}</p>{% endfor %}
</footer>
</body>
</html>
"""


def write_page(account: Account, folder: Path) -> Path:
    """Write the pictures and index.html, each whole or not at all; returns the page.

    Raises:
        ConfigError: the folder cannot be written.
    """
    pictures = _pictures(account)
    for file, picture in pictures.values():
        write_whole(folder / file, picture)
    held = {name: base64.b64encode(picture).decode() for name, (_, picture) in pictures.items()}
    page = Environment(autoescape=True).from_string(PAGE).render(account=account, pictures=held, ours=OURS)
    write_whole(folder / "index.html", page.encode())
    return folder / "index.html"


def _pictures(account: Account) -> dict[str, tuple[str, bytes]]:
    """Heading -> (file, PNG). The widest way, with most shots, has its confusion shown."""
    if not account.figures:
        return {}
    cells = [item.cell for item in account.figures]
    last = max(cells, key=lambda cell: (cell.way, cell.shots))
    found = {"Accuracy against shots": ("shots.png", shots_plot(account.figures))}
    if OURS in last.said:
        widest = [cell for cell in cells if cell.way == last.way]
        found["What was taken for what"] = ("confusion.png", confusion_plot(last, account.classes))
        found["Whether probabilities are true"] = ("reliability.png", reliability_plot(widest))
    return found
