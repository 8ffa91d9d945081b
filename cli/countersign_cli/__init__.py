"""Countersign at the command line: a client of the merchant API, and an operator's tools. Never in a layer."""
