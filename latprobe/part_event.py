"""What `latprobe.part` records: an event with this name, `part` the kind and `text`."""

PART_EVENT = "latprobe.part"
