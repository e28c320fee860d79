"""What is known of the feeds and hooks at VTEX, for all processes that watch them."""

from pathlib import Path

from alembic import op

from service.migration import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
