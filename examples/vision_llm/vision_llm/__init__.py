"""Questions about pictures, answered by models with random weights."""
