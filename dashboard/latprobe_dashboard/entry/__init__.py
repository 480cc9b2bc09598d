"""Only the script that Streamlit runs; see `script.py` for why it is alone."""
