"""Language models: loading, templates, and one executor for every question put to them."""
