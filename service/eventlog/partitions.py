"""Which partition an order belongs to, in the log and on the topic alike."""

from functools import lru_cache

from service.eventlog.records import StreamKey

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF


@lru_cache(maxsize=65536)
def partition_of(stream: StreamKey, partitions: int) -> int:
    """Return the partition of *stream*, by the rule of Kafka's Java client."""
    return (murmur2(str(stream).encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Hash as `org.apache.kafka.common.utils.Utils.murmur2` does, unsigned."""
    whole = len(data) & ~3
    value = _SEED ^ len(data)
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little")
        word = (word * _MULTIPLIER) & _MASK
        word ^= word >> 24
        value = (value * _MULTIPLIER) & _MASK ^ (word * _MULTIPLIER) & _MASK
    if whole < len(data):
        value ^= int.from_bytes(data[whole:], "little")
        value = (value * _MULTIPLIER) & _MASK
    value ^= value >> 13
    value = (value * _MULTIPLIER) & _MASK
    return value ^ value >> 15
