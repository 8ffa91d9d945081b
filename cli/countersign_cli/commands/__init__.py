"""One command, or group of commands, a file; each has `command`."""
