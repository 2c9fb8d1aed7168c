"""Options of tables: a module per kind that has any, apart from what builds it."""
