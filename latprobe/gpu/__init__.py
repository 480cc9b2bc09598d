"""What the user's process notes of its GPU: event pairs, waits, copies, sampled kernel profiles.

Nothing here is imported before CUDA is initialised (latprobe.hooks.torch_cuda), and nothing waits
for the GPU.
"""
