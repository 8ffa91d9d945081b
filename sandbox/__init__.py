"""The whole system on one machine: local cloud, platform simulators, demo. Never shipped."""
