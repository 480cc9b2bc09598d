"""GPU counters, read by the agent: NVIDIA through NVML and GPM, AMD through amdsmi."""
