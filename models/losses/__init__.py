"""Training losses, one file each: `build(lesson)` answers a module that gives every known cell its loss (`models.objective`)."""
