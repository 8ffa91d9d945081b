"""What can be asked for at a platform is what a function of it does: a wish that nobody works on stays due for ever."""

from importlib import import_module

import pytest

from tests.infra.reading import ROOT, callbacks, functions, platform_of, platforms, room

ASKED = ("refund", "ship")  # jobs that the merchant API has wishes for, whatever the platform


@pytest.mark.parametrize("platform", platforms())
def test_a_platform_says_which_jobs_none_of_its_functions_does(platform: str) -> None:
    lacking = {job for job in ASKED if not (ROOT / "functions" / f"{platform}_{job}" / "app.py").is_file()}

    assert set(getattr(import_module(room(platform)), "NOT_OFFERED", ())) == lacking


def test_each_platform_that_calls_us_has_a_function_that_reads_what_could_not_be_read() -> None:
    calling = {platform_of(name) for name in callbacks()}
    redriving = {platform_of(name) for name in functions() if name.endswith("Redrive")}

    assert calling
    assert redriving >= calling
