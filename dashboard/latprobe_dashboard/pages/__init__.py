"""The pages: each module has TITLE, PATH and ICON for the sidebar and a `render`."""
