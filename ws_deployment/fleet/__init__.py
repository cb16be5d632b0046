"""The domain: cluster identity and names, what governs what. Pure values, no input or output."""
