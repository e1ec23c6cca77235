"""The driven outside: one library per file, named <library>_<port>."""
