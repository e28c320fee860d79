"""Where unreadable feed items are kept."""

from pathlib import Path

from alembic import op

from service.migration import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
