"""How to get a cluster: kind with released or self-built images, or one that exists already."""
