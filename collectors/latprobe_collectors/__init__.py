"""What the agent samples: one file a source, all with the shape in `contract`."""
