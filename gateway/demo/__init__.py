"""A world to try the gateway in, with no key and no network: checkable questions and providers that answer them."""
