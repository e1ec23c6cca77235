"""What is wanted: configuration, validated at the edge."""
