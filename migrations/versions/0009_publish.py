"""What the auditor of the topics has seen."""

from pathlib import Path

from alembic import op

from service.migration import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
