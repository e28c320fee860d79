"""Read models that are filled beside the live ones, and from Kafka."""

from pathlib import Path

from alembic import op

from service.migration import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
