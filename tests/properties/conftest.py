"""Settings of Hypothesis: laws are about behaviour, so a busy machine may be slow."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "laws", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("laws")
