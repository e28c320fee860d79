"""The turns of each account's requests at VTEX, for all processes that send some."""

from pathlib import Path

from alembic import op

from service.migration import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
