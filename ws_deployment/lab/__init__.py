"""Real control planes on this machine, a meta cluster, load: what `type: local` runs on."""
