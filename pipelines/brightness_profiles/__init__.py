"""Surface-brightness profiles of named places, as a stage of the pipeline ``sources``."""
