"""The command line, one file a command group. Heavy imports happen inside the commands."""
