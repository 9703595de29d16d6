"""Who does the tasks: pools of workers, and what happens in one of them."""
