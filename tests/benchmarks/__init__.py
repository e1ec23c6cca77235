"""The benchmark that is part of the product: us, our peers and the limits, measured side by side in one run."""
