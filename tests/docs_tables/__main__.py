"""`python -m tests.docs_tables` rewrites the tables of the docs."""

import sys
from pathlib import Path

# Tests know each other by their names alone, as pytest is configured to find them.
sys.path.insert(0, str(Path(__file__).parents[1]))

from docs_tables.pages import generated, pages

for path in pages():
    path.write_text(generated(path.read_text("utf-8")), encoding="utf-8")
