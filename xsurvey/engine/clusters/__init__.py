"""Where the work is done: profiles of clusters, and the back ends that start their workers."""
