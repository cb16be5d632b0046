"""The built-in cluster types but the lab's, one a file; found by entry point like anyone's."""
