"""Payment channels. Empty until the first channel is built."""
