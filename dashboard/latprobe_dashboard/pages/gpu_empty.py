"""What the GPU page says when no GPU was read."""

from __future__ import annotations

import streamlit as st

from latprobe_dashboard.charts import listing

NO_GPM = (
    "No hardware counters (SM active, tensor cores, DRAM) were read. NVML has them as GPM on "
    "Hopper and later; latprobe doctor says whether this card gives them. The figures here "
    "rest on utilisation, which only says that some kernel ran."
)


def how_to_read_gpus() -> None:
    """Three steps, and what works without a GPU."""
    with st.container(border=True, key="lp_gpu_empty"):
        st.subheader("No GPU was read while these requests ran", anchor=False)
        st.markdown(
            "The agent reads every NVIDIA GPU that it finds, ten times a second, while programs "
            "record. It needs one library more and tells you what is missing:"
        )
        listing.mount("pip install 'latprobe[gpu]'\nlatprobe doctor", key="lp_gpu_install")
        st.markdown(
            "Then run the program again. Event pairs, copies and waits of each stage are noted "
            "by themselves once PyTorch uses CUDA; kernels on request:"
        )
        listing.mount("latprobe run --kernels 2% -- python app.py", key="lp_gpu_kernels")
        st.html(
            '<p class="lp-note">An AMD card needs <code>amdsmi</code>, which comes with ROCm. '
            "Without a GPU all other pages work as they are.</p>"
        )
