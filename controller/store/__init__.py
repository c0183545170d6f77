"""What the stores say: restore points, locks, and the objects that tell the right store from a wrong one."""
