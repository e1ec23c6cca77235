"""What is decided: pure and synchronous; numpy and values, no world."""
