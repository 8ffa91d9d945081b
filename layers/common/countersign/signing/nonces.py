"""Random text that nobody can guess."""

import secrets


def nonce() -> str:
    """Return 32 hexadecimal digits, fresh each time."""
    return secrets.token_hex(16)
