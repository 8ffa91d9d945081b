"""Fails the build when a library of the layer is for another processor: `python tools/check_processor.py arm64 FOLDER`.

A wheel for the wrong one installs and deploys without a word, and every call fails at its first import.
"""

import sys
from pathlib import Path

MACHINES = {"arm64": 183, "x86_64": 62}  # e_machine of the ELF header, two bytes at 18, little-endian


def strangers(folder: Path, arch: str) -> dict[str, str]:
    """Return each shared library that is not for `arch`, with what it is instead."""
    found = {}
    for path in sorted(folder.rglob("*.so*")):
        head = path.read_bytes()[:20]
        if head[:4] != b"\x7fELF":
            found[str(path)] = "is no ELF file"
        elif (machine := int.from_bytes(head[18:20], "little")) != MACHINES[arch]:
            names = {number: name for name, number in MACHINES.items()}
            found[str(path)] = f"is for {names.get(machine, f'machine {machine}')}"
    return found


def main() -> int:
    """Say what does not belong; 1 if anything does not."""
    arch, folder = sys.argv[1], Path(sys.argv[2])
    if arch not in MACHINES:
        print(f"Arch in template.yaml is {arch!r}, not one of {', '.join(MACHINES)}", file=sys.stderr)
        return 1
    found = strangers(folder, arch)
    for path, what in found.items():
        print(f"{path} {what}; template.yaml wants {arch}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
