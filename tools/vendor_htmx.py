"""Fetch htmx into the console, or compare what is there: `python tools/vendor_htmx.py [--check]` (asks npm).

The console ships one file of htmx and no build of it, so that no Node stands between a commit and what is deployed. The
file is exactly that of the package at npm, whose name, version and digest stand here; `npm pack` fetches it, and npm
compares the package with its own integrity digest.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "htmx.org@2.0.11"
SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
STATIC = Path(__file__).parents[1] / "layers" / "console" / "countersign_console" / "static"
FILES = {"package/dist/htmx.min.js": STATIC / "htmx.js", "package/LICENSE": STATIC / "LICENSE.htmx"}


def fetched() -> dict[Path, bytes]:
    """Return the package's files by where they stand here."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        (packed,) = Path(folder).glob("*.tgz")
        with tarfile.open(packed) as archive:
            found = {target: archive.extractfile(name) for name, target in FILES.items()}
            return {target: file.read() for target, file in found.items() if file is not None}


def main() -> int:
    """Write the files, or say which differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    checks = parser.parse_args().check
    files = fetched()
    if hashlib.sha256(files[STATIC / "htmx.js"]).hexdigest() != SHA256:
        print(f"{PACKAGE} is not the file whose digest stands in {Path(__file__).name}", file=sys.stderr)
        return 1
    differing = [path for path, content in files.items() if not path.is_file() or path.read_bytes() != content]
    for path in differing:
        if checks:
            print(f"{path.name} differs from {PACKAGE}", file=sys.stderr)
        else:
            path.write_bytes(files[path])
            print(f"{path.name} is that of {PACKAGE}")
    if checks and not differing:
        print(f"{', '.join(path.name for path in files)}: as in {PACKAGE}")
    return 1 if checks and differing else 0


if __name__ == "__main__":
    sys.exit(main())
