"""Envelope encryption of customer data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_kit import master_key
from service.errors import InvalidSettingsError, UnreadableCustomerDataError
from service.eventlog.records import StreamKey
from service.private.customer import CustomerData, Profile
from service.private.keys import KeyRing, Sealed

ORDER = StreamKey("acme", "1-01")
RING = KeyRing([master_key("k1")])
PARTS = ("wrapped_key", "ciphertext")


def with_part(sealed: Sealed, part: str, content: bytes) -> Sealed:
    return Sealed(**sealed._asdict() | {part: content})


def flipped(data: bytes, place: int) -> bytes:
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


class TestSeal:
    @given(plaintext=st.binary(), account=st.text(), order_id=st.text())
    def test_round_trip(self, plaintext: bytes, account: str, order_id: str) -> None:
        """What is sealed for an order opens for it."""
        stream = StreamKey(account, order_id)

        assert (
            RING.open(RING.seal(plaintext, stream=stream), stream=stream) == plaintext
        )

    @given(words=st.text(st.characters(exclude_categories=["Cs"])))
    def test_any_text(self, words: str) -> None:
        """Whatever a person is called comes back as it was."""
        known = CustomerData(profile=Profile(first_name=words))
        sealed = RING.seal(known.model_dump_json().encode(), stream=ORDER)

        opened = RING.open(sealed, stream=ORDER)

        assert CustomerData.model_validate_json(opened) == known

    def test_never_the_same_twice(self) -> None:
        """Each sealing has a key and nonces of its own."""
        first, second = (RING.seal(b"Ana", stream=ORDER) for _ in range(2))

        assert first.master_key == second.master_key == "k1"
        assert first.ciphertext != second.ciphertext
        assert first.wrapped_key != second.wrapped_key

    def test_without_a_key(self) -> None:
        """Without a master key nothing is sealed, and the setting is named."""
        none = KeyRing([])

        assert not none
        with pytest.raises(InvalidSettingsError, match="ORDER_TRACKING_MASTER_KEYS"):
            none.seal(b"Ana", stream=ORDER)


class TestOpen:
    @pytest.mark.parametrize(
        "other",
        [
            StreamKey("acme", "2-01"),
            StreamKey("other", "1-01"),
            StreamKey("acme/1", "-01"),
        ],
    )
    def test_other_order(self, other: StreamKey) -> None:
        """What was sealed for one order does not open for another."""
        with pytest.raises(UnreadableCustomerDataError):
            RING.open(RING.seal(b"Ana", stream=ORDER), stream=other)

    @given(part=st.sampled_from(PARTS), place=st.integers(0, 200))
    def test_tampered(self, part: str, place: int) -> None:
        """Whatever byte was changed, nothing is opened."""
        sealed = RING.seal(b"Ana", stream=ORDER)
        changed = with_part(sealed, part, flipped(getattr(sealed, part), place))

        with pytest.raises(UnreadableCustomerDataError, match="acme/1-01"):
            RING.open(changed, stream=ORDER)

    @given(part=st.sampled_from(PARTS), length=st.integers(0, 27))
    def test_cut_short(self, part: str, length: int) -> None:
        """What is too short to be anything is refused alike."""
        sealed = RING.seal(b"Ana", stream=ORDER)
        changed = with_part(sealed, part, getattr(sealed, part)[:length])

        with pytest.raises(UnreadableCustomerDataError):
            RING.open(changed, stream=ORDER)

    def test_missing_key(self) -> None:
        """Without its master key the error names the key and the setting."""
        sealed = RING.seal(b"Ana", stream=ORDER)

        with pytest.raises(
            UnreadableCustomerDataError, match=r"'k1'.*ORDER_TRACKING_MASTER_KEYS"
        ):
            KeyRing([master_key("k2")]).open(sealed, stream=ORDER)

    def test_wrong_key(self) -> None:
        """A key that took another's id is told from the right one."""
        sealed = RING.seal(b"Ana", stream=ORDER)
        wrong = KeyRing([master_key("k1", secret="another")])  # noqa: S106

        with pytest.raises(
            UnreadableCustomerDataError, match="ORDER_TRACKING_MASTER_KEYS"
        ):
            wrong.open(sealed, stream=ORDER)


class TestRewrap:
    @given(plaintext=st.binary())
    def test_opens_without_the_old_key(self, plaintext: bytes) -> None:
        """After a rotation the new key opens alone what the old one protected."""
        old = RING.seal(plaintext, stream=ORDER)
        both = KeyRing([master_key("k2"), master_key("k1")])

        wrapped = both.rewrap("k1", old.wrapped_key, stream=ORDER)

        new = Sealed(both.current, wrapped, old.ciphertext)
        assert KeyRing([master_key("k2")]).open(new, stream=ORDER) == plaintext
        assert wrapped != old.wrapped_key
