"""The `latprobe` command: one file a command, stdout in `output`, stderr in `messages`."""
