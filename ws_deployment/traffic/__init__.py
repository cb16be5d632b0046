"""The arithmetic of a shift. Pure functions, no input or output."""
