"""Options of figures of test images: a module per kind that has any, apart from what draws it."""
