"""The stages of the journey, one file each: the fields of a step are what it needs, its call is what it does."""
