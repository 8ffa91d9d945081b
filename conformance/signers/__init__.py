"""How platforms sign and seal what they send. Pure: time, nonces and keys come in as arguments."""
