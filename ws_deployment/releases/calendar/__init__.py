"""When an upgrade may happen: moments, maintenance windows, freezes. Pure; what is scheduled is kept in the engine."""
