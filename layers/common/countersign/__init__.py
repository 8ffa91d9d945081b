"""Countersign: what payment platforms say, turned into one order state that can be trusted and explained."""

__version__ = "0.1.0"
