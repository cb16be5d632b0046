"""The lab's meta cluster: a process that speaks the bridge's protocol with the real server's behaviour and quirks.

`python -m ws_deployment.lab.bridge --home DIR` serves until SIGTERM. Who starts it and where it lives is not told here.
"""
