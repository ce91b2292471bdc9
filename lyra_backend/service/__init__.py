"""Scenes over HTTP: ``lyra-scenegen serve``.

A request becomes a row of a database (`jobs`) and a directory (`folders`), a thread hands rows to workers (`runner`),
and what comes of them is read back from their run directories. Uploads are looked at before anything else reads them
(`contents`). Routes translate and decide nothing.
"""
