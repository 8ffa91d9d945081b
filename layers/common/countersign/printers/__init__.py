"""Cloud receipt printers, one module per kind; none imports another."""
