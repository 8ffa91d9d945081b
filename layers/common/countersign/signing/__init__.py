"""Digests, signatures and sealed boxes: the only package that imports cryptography, hashlib, hmac or secrets."""
