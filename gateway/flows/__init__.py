"""What happens, in order: asynchronous stories told with ports."""
