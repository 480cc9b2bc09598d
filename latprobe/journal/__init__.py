"""The append-only record of what a process did: segment files, written here, read by the agent."""
