"""Facts about node classes that /object_info does not tell: data files, one typed reader, one table to look them up."""
