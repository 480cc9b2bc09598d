"""latprobe's dashboard: Streamlit pages over the store, one question a page."""
