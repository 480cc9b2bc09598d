"""One file a rule: `NAME` and `find(context)`."""
