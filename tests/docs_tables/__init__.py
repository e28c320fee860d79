"""Tables of the docs, made from the code: a module for what each tells of."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
