"""Tables as files and back: what `replay-server export` and `import` do.

An export goes through a spool (`spool`): pages of a scan are appended to files, one a column, and
each page is committed, so that a killed export goes on behind the last one. A writer of a format
(`npz_files`, `parquet_files`, `minari_episodes`) then makes the file of it. An import sends blocks
of rows as one writer, whose sequence is the number of rows that are in; the server tells how many
that are, so nothing has to be remembered here. Memory holds a few blocks, whatever a table holds.

Read `exporting` and `importing` first. Nothing that serves imports this package.
"""
