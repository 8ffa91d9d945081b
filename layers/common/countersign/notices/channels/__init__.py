"""The ways a notice goes out: each sends one notice and says what became of it."""
