"""Our charts once more as Plotly draws them, for a file of its own: a function for each kind."""
