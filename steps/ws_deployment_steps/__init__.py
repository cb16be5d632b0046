"""The built-in steps. They reach the engine only by entry points, like anyone's."""
