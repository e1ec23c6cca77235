"""The kinds of question the demo asks, one kind a file: each draws a prompt and the solution that checks answers."""
