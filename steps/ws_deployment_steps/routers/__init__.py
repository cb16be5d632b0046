"""Back-ends that move a meta cluster's traffic, one file each."""
