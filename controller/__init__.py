"""The reference controller. Others may import `controller.contract` and nothing else of it."""
