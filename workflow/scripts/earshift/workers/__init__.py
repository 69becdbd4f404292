"""Small tasks in parallel, by Dask, on one machine or several."""
