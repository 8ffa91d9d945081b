"""Sample events: what each function is called with, signed with throwaway keys.

A module or package of this folder that offers `sample_events(now) -> SampleEvents` is a platform's, named as the
platform is. Nothing else lists it: `python -m sandbox.make_events` writes `events/<platform>/` from it.
"""
