"""Customer data, encrypted with a key for each order."""

from pathlib import Path

from alembic import op

from service.migration import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script(op.get_bind(), Path(__file__).with_suffix(".sql"))
