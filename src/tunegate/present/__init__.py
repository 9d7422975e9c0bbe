"""What people see: one typed view model, as a page or in a terminal, in two languages."""
