"""The lab's stand-in for a workspace cluster's ws-manager: what a bridge probes, what a Prometheus scrapes.

`python -m ws_deployment.lab.ws_manager --home DIR` serves until SIGTERM. It starts no workspaces: the bridge makes the
Pods itself, and this process tells what became of them.
"""
