"""Months of closed orders that left the log."""

from pathlib import Path

from alembic import op

from service.migration import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
