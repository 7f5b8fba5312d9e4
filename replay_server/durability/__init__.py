"""What survives the process, and in what order it is written (docs/durability.md).

A request changes a table in memory; what it changed is appended to a journal as one record before
it is answered. Rows lie in files mapped into memory, and are written into slots that no kept row
occupies. From time to time the index arrays are written to files of their own, and the journal
begins anew. On start the files are read and the journal is played.

Read in this order: `files`, `journal`, `redo`, `table_files`, `recovery`, `data_directory`.
"""
