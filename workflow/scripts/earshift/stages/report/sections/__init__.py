"""Parts of the page: from tables to the values of its templates."""
