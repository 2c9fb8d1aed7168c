"""Options of figures: a module per kind that has any, apart from what draws it."""
