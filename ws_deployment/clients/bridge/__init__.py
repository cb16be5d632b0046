"""The meta cluster's bridge: its wire protocol and a client for both of its API generations.

`client` and the generated modules import grpc; `model` and `errors` do not, so that they are cheap to name in types.
"""
