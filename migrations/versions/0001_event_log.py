"""The event log."""

from pathlib import Path

from alembic import op

from service.migration import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
