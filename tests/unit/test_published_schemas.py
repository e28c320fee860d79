"""Published schemas stay: what a consumer was built against is still true."""

import pytest

from published_schemas import earlier_forms, schemas_of_the_code
from schema_compatibility import breaks
from service.domain.facts import FACTS
from service.eventlog.codec import public_name
from service.schemas import published_schemas

each = pytest.mark.parametrize(("name", "version"), published_schemas())


class TestPublishedSchemas:
    def test_are_those_of_the_code(self) -> None:
        """What the code writes has its schema stored, as the code has it."""
        stored, written = published_schemas(), schemas_of_the_code()

        differing = [key for key in written if stored.get(key) != written[key]]
        assert not differing, "run `python -m tests.published_schemas`"

    def test_stay_for_every_version(self) -> None:
        """The schemas of earlier versions are still there."""
        wanted = {
            (public_name(name), version)
            for name, fact in FACTS.items()
            for version in range(1, fact.schema_version + 1)
        }

        assert wanted <= published_schemas().keys()

    @each
    def test_never_break_their_readers(self, name: str, version: int) -> None:
        """Every form that a schema had since it was first stored can still be read by."""
        now = published_schemas()[name, version]

        for before in earlier_forms(name, version):
            assert breaks(before, now) == []
