"""People of the shop before the console, each in a browser of their own."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.browser.conftest import PATIENCE, WATCH

WIDE = {"width": 1200, "height": 900}
TRIES = 5
TARGETS = (
    "button, nav a, .tabs a, a.button, a.row, summary, select, textarea, label.chip, label.check, "
    "input:not([type=hidden]):not([type=radio]):not([type=checkbox])"
)


class Staff:
    """Somebody of the shop at a browser of their own; `said` is what its console and its policies reported."""

    def __init__(self, context: Any, url: str) -> None:
        self.context, self.url, self.said = context, url, list[str]()
        context.set_default_timeout(PATIENCE * 1000)
        context.add_init_script(WATCH)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        self.page = context.new_page()

    def _note(self, message: Any) -> None:
        # That a busy machine gave no answer in time is no mistake of a page: what it does then is tested without one.
        if message.type == "error" and "status of 503" not in message.text:
            self.said.append(message.text)

    def opens(self, path: str) -> Any:
        for _ in range(TRIES):
            answer = self.page.goto(self.url + path)
            if answer.status < 500:  # a function may take longer to start than its gateway waits
                break
        return self.page

    def signs_in(self, who: str) -> "Staff":
        self.opens("/")
        self.page.locator(f"button[value={who}]").click()
        self.page.locator("details.me").wait_for()
        self.page.wait_for_load_state()
        return self


@contextlib.contextmanager
def coming(chromium: Any, url: str) -> Iterator[Callable[..., Staff]]:
    """Give what opens a browser for somebody who signs in."""
    with contextlib.ExitStack() as ends:

        def come(who: str, **how: Any) -> Staff:
            context = chromium.new_context(**{"locale": "en-US", "viewport": WIDE, **how})
            ends.callback(context.close)
            return Staff(context, url).signs_in(who)

        yield come


def small(page: Any) -> list[str]:
    """Return what of a page's targets is lower than a finger needs."""
    found: list[str] = page.evaluate(
        """(targets) => [...document.querySelectorAll(targets)]
            .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 43.5)
            .map((one) => one.outerHTML.slice(0, 120))""",
        TARGETS,
    )
    return found
