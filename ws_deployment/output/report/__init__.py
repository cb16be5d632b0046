"""A run as one HTML file: read without network and without scripts, by eye or by screen reader, or printed."""

from ws_deployment.output.report.document import report

__all__ = ["report"]
