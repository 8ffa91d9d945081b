"""One package per payment platform; none imports another."""
