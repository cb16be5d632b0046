"""Back-ends that register workspace clusters at a meta cluster, one file each."""
