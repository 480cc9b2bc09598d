"""What other programs read: one file a format, made from the store's rows."""
