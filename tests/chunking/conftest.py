"""Property tests here may run beside anything else: how long one example takes proves nothing."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
