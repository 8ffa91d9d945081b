"""How templates are read; and, run by the layer's build, their Python, so that no cold start compiles a page.

`python -m countersign_console.drawing` writes `compiled/` beside the templates. Without that folder, as in a checkout,
templates are compiled when they are first drawn.
"""

from pathlib import Path

import jinja2

from countersign_console import formats

FOLDER = Path(__file__).parent
TEMPLATES, COMPILED = FOLDER / "templates", FOLDER / "compiled"


def environment() -> jinja2.Environment:
    """Return an environment with the filters that templates name, which a compiler looks for."""
    loaders = [jinja2.ModuleLoader(str(COMPILED)), jinja2.FileSystemLoader(TEMPLATES)]
    made = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.ChoiceLoader(loaders),
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(money=formats.money, local=formats.local, plain=formats.plain)
    return made


def write_compiled() -> None:
    """Write each template's Python; raises jinja2.TemplateSyntaxError for one that is none."""
    made = environment()
    made.loader = jinja2.FileSystemLoader(TEMPLATES)
    made.compile_templates(str(COMPILED), zip=None, ignore_errors=False)


if __name__ == "__main__":
    write_compiled()
