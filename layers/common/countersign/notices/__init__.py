"""Notices: who hears of what by which channel, and the words of it."""
