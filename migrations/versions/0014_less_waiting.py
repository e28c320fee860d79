"""Appends with less work, and a month that leaves without appends waiting for it."""

from pathlib import Path

from alembic import op

from service.migration import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
