"""`infraforge why`: the way of a claim, link by link, to the first thing that is not well."""
